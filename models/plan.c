#include "models/plan.h"

#include <stdlib.h>
#include <string.h>

/* A block of the arena with its lifetime in calls. */
struct block {
    int first, last;
    int64_t bytes, offset;
    int tensor; /* GRAPH_NONE: scratch of call `first` */
};

static int64_t round_up(int64_t bytes) {
    return (bytes + 255) / 256 * 256;
}

static int by_size(const void *a, const void *b) {
    const struct block *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    return x->tensor < y->tensor ? -1 : x->tensor > y->tensor;
}

static int by_offset(const void *a, const void *b) {
    const struct block *const *x = a, *const *y = b;
    return (*x)->offset < (*y)->offset ? -1 : (*x)->offset > (*y)->offset;
}

/* Gives every block the lowest offset that is free for its whole life, largest blocks first. */
static int64_t place_blocks(struct block *blocks, int n, struct block **neighbours) {
    int64_t peak = 0;
    qsort(blocks, (size_t)n, sizeof *blocks, by_size);
    for (int i = 0; i < n; i++) {
        struct block *b = &blocks[i];
        int n_neighbours = 0;
        for (int j = 0; j < i; j++)
            if (blocks[j].first <= b->last && b->first <= blocks[j].last)
                neighbours[n_neighbours++] = &blocks[j];
        qsort(neighbours, (size_t)n_neighbours, sizeof *neighbours, by_offset);
        int64_t offset = 0;
        for (int j = 0; j < n_neighbours; j++) {
            if (neighbours[j]->offset - offset >= b->bytes) break;
            const int64_t end = neighbours[j]->offset + neighbours[j]->bytes;
            if (end > offset) offset = end;
        }
        b->offset = offset;
        if (offset + b->bytes > peak) peak = offset + b->bytes;
    }
    return peak;
}

enum status plan_init(struct plan *p, const struct graph *g, struct error *e) {
    enum status rc = STATUS_OK;
    const size_t n_blocks_max = (size_t)g->n_tensors + (size_t)g->n_nodes + 1;
    struct block *blocks = calloc(n_blocks_max, sizeof *blocks);
    struct block **neighbours = calloc(n_blocks_max, sizeof *neighbours);
    int n = 0;
    *p = (struct plan){.offset = calloc((size_t)g->n_tensors + 1, sizeof *p->offset),
                       .scratch = calloc((size_t)g->n_nodes + 1, sizeof *p->scratch)};
    if (!blocks || !neighbours || !p->offset || !p->scratch) {
        rc = fail(e, STATUS_NO_MEMORY, "plan: no memory for %d tensors", g->n_tensors);
        goto done;
    }
    int *block_of = calloc((size_t)g->n_tensors + 1, sizeof *block_of); /* 1 + block */
    if (!block_of) {
        rc = fail(e, STATUS_NO_MEMORY, "plan: no memory for %d tensors", g->n_tensors);
        goto done;
    }
    for (int i = 0; i < g->n_nodes; i++) {
        const struct graph_node *node = &g->nodes[i];
        struct op_call call;
        for (int slot = 0; slot < OP_SLOTS; slot++) {
            const int t = node->slot[slot];
            if (t == GRAPH_NONE || g->tensors[t].place.buffer) continue;
            if (!block_of[t]) {
                blocks[n] = (struct block){.first = i,
                                           .bytes = round_up(tensor_bytes(&g->tensors[t].tensor)),
                                           .tensor = t};
                block_of[t] = ++n;
            }
            blocks[block_of[t] - 1].last = i;
        }
        graph_describe(g, i, &call);
        const struct op *op = op_of(node->op);
        const int64_t scratch = op->scratch_bytes ? op->scratch_bytes(&call) : 0;
        if (scratch > 0)
            blocks[n++] = (struct block){
                .first = i, .last = i, .bytes = round_up(scratch), .tensor = GRAPH_NONE};
        const bool is_again = node->direction == OP_FORWARD && i >= g->n_forward;
        if (op->flops && !is_again)
            *(node->direction == OP_FORWARD ? &p->flops_forward : &p->flops_backward) +=
                op->flops(&call);
    }
    free(block_of);
    p->arena_bytes = place_blocks(blocks, n, neighbours);
    for (int i = 0; i < g->n_tensors; i++) p->offset[i] = -1;
    for (int i = 0; i < g->n_nodes; i++) p->scratch[i] = -1;
    for (int i = 0; i < n; i++) {
        if (blocks[i].tensor == GRAPH_NONE)
            p->scratch[blocks[i].first] = blocks[i].offset;
        else
            p->offset[blocks[i].tensor] = blocks[i].offset;
    }
done:
    free(blocks);
    free(neighbours);
    if (rc != STATUS_OK) plan_release(p);
    return rc;
}

void plan_release(struct plan *p) {
    free(p->offset);
    free(p->scratch);
    *p = (struct plan){0};
}
