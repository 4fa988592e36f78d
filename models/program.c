#include "models/program.h"

#include <stdlib.h>
#include <string.h>

void program_resolve(struct op_call *call, const struct graph *g, const struct plan *p,
                     struct buffer *arena, int node, int slice) {
    const struct graph_node *n = &g->nodes[node];
    graph_describe(g, node, call);
    for (int i = 0; i < OP_SLOTS; i++) {
        if (n->slot[i] == GRAPH_NONE) continue;
        const struct graph_tensor *t = &g->tensors[n->slot[i]];
        struct op_operand *o = &call->slot[i];
        if (t->place.buffer) {
            o->buffer = t->place.buffer;
            o->offset = t->place.offset + slice * t->place.slice_stride;
        } else {
            o->buffer = arena;
            o->offset = p->offset[n->slot[i]] + slice * p->arena_bytes;
        }
    }
    if (p->scratch[node] >= 0) {
        const int64_t bytes = op_of(n->op)->scratch_bytes(call);
        call->slot[OP_SCRATCH] =
            (struct op_operand){.tensor = tensor_make(TENSOR_U8, 1, &bytes),
                                .buffer = arena,
                                .offset = p->scratch[node] + slice * p->arena_bytes};
    }
    for (int i = 0; i < OP_SLOTS; i++) {
        struct op_operand *o = &call->slot[i];
        if (o->buffer && o->buffer->data) o->data = (char *)o->buffer->data + o->offset;
    }
}

static enum status prepare(struct work **out, struct backend *b, const struct graph *g,
                           const struct program *p, int first, int last, int slice,
                           struct op_call *calls, struct error *e) {
    for (int i = first; i < last; i++)
        program_resolve(&calls[i - first], g, &p->plan, p->arena, i, slice);
    return b->table->work_create(b, out, calls, last - first, e);
}

int64_t program_arena_bytes(const struct plan *p, int n_slices) {
    const int64_t bytes = p->arena_bytes * n_slices;
    return bytes > 0 ? bytes : 256;
}

enum status program_create(struct program **out, struct backend *b, const struct graph *g,
                           int n_slices, struct buffer *arena, struct error *e) {
    enum status rc = STATUS_OK;
    struct program *p = calloc(1, sizeof *p);
    struct op_call *calls = calloc((size_t)g->n_nodes + 1, sizeof *calls);
    *out = NULL;
    CHECK(n_slices > 0);
    if (!p || !calls) {
        rc = fail(e, STATUS_NO_MEMORY, "program: no memory for %d calls", g->n_nodes);
        goto done;
    }
    TRY(graph_status(g, e));
    TRY(plan_init(&p->plan, g, e));
    p->n_slices = n_slices;
    const int64_t arena_bytes = program_arena_bytes(&p->plan, n_slices);
    CHECK(!arena || arena->bytes >= arena_bytes);
    p->arena = arena;
    p->owns_arena = !arena;
    if (p->owns_arena) TRY(b->table->buffer_create(b, &p->arena, arena_bytes, e));
    p->forward = calloc((size_t)n_slices, sizeof(struct work *));
    const bool has_backward = g->n_nodes > g->n_forward;
    if (has_backward) p->backward = calloc((size_t)n_slices, sizeof(struct work *));
    if (!p->forward || (has_backward && !p->backward)) {
        rc = fail(e, STATUS_NO_MEMORY, "program: no memory for %d slices", n_slices);
        goto done;
    }
    for (int s = 0; s < n_slices; s++) {
        TRY(prepare(&p->forward[s], b, g, p, 0, g->n_forward, s, calls, e));
        if (has_backward)
            TRY(prepare(&p->backward[s], b, g, p, g->n_forward, g->n_nodes, s, calls, e));
    }
done:
    free(calls);
    if (rc != STATUS_OK) program_destroy(&p);
    *out = p;
    return rc;
}

void program_destroy(struct program **program) {
    struct program *p = *program;
    if (!p) return;
    const struct backend_table *table = p->arena ? p->arena->backend->table : NULL;
    for (int s = 0; s < p->n_slices && table; s++) {
        if (p->forward && p->forward[s]) table->work_destroy(p->forward[s]);
        if (p->backward && p->backward[s]) table->work_destroy(p->backward[s]);
    }
    free(p->forward);
    free(p->backward);
    if (p->arena && p->owns_arena) table->buffer_destroy(p->arena);
    plan_release(&p->plan);
    free(p);
    *program = NULL;
}
