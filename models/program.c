#include "models/program.h"

#include <stdlib.h>
#include <string.h>

static struct buffer *base_buffer(enum op_base base, struct buffer *fixed,
                                  const struct work_place *at) {
    switch (base) {
    case OP_BASE_ARENA:
        return at->arena;
    case OP_BASE_BLOCK:
        return at->block;
    case OP_BASE_OTHER:
        return at->other;
    case OP_BASE_FIXED:
        break;
    }
    return fixed;
}

void program_resolve(struct op_call *call, const struct graph *g, const struct plan *p,
                     const struct work_place *at, int node) {
    const struct graph_node *n = &g->nodes[node];
    graph_describe(g, node, call);
    for (int i = 0; i < OP_SLOTS; i++) {
        if (n->slot[i] == GRAPH_NONE) continue;
        const struct place *place = &g->tensors[n->slot[i]].place;
        struct op_operand *o = &call->slot[i];
        const bool is_activation = !place->buffer;
        o->base = is_activation ? OP_BASE_ARENA : place->base;
        o->slice_stride = place->slice_stride;
        o->buffer = base_buffer(o->base, place->buffer, at);
        o->offset = is_activation ? p->offset[n->slot[i]]
                                  : place->offset + at->slice * place->slice_stride;
    }
    if (p->scratch[node] >= 0) {
        const int64_t bytes = op_of(n->op)->scratch_bytes(call);
        call->slot[OP_SCRATCH] =
            (struct op_operand){.tensor = tensor_make(TENSOR_U8, 1, &bytes),
                                .buffer = at->arena,
                                .offset = p->scratch[node],
                                .base = OP_BASE_ARENA};
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
        program_resolve(&calls[i - first], g, &p->plan, &p->at[slice], i);
    return b->table->work_create(b, out, calls, last - first, e);
}

int64_t program_arena_bytes(const struct plan *p) {
    return p->arena_bytes > 0 ? p->arena_bytes : 256;
}

int64_t program_bytes(const struct program *p) {
    return p->owns_arena ? p->n_slices * program_arena_bytes(&p->plan) : 0;
}

static enum status place_slices(struct program *p, struct backend *b, const struct work_place *at,
                                struct error *e) {
    enum status rc = STATUS_OK;
    const int64_t bytes = program_arena_bytes(&p->plan);
    p->at = calloc((size_t)p->n_slices, sizeof *p->at);
    if (!p->at) return fail(e, STATUS_NO_MEMORY, "program: no memory for %d slices", p->n_slices);
    p->owns_arena = !at;
    for (int s = 0; s < p->n_slices; s++) {
        if (at) {
            p->at[s] = at[s];
        } else {
            TRY(b->table->buffer_create(b, &p->at[s].arena, bytes, e));
            backend_name(p->at[s].arena, "arena of slice %d", s);
        }
        p->at[s].slice = s;
        CHECK(!p->at[s].arena || p->at[s].arena->bytes >= bytes);
    }
done:
    return rc;
}

enum status program_create(struct program **out, struct backend *b, const struct graph *g,
                           int n_slices, const struct work_place *at, struct error *e) {
    enum status rc = STATUS_OK;
    struct program *p = calloc(1, sizeof *p);
    struct op_call *calls = calloc((size_t)g->n_nodes + 1, sizeof *calls);
    *out = NULL;
    CHECK(n_slices > 0);
    if (!p || !calls) {
        rc = fail(e, STATUS_NO_MEMORY, "program: no memory for %d calls", g->n_nodes);
        goto done;
    }
    p->backend = b;
    TRY(graph_status(g, e));
    TRY(plan_init(&p->plan, g, e));
    p->n_slices = n_slices;
    TRY(place_slices(p, b, at, e));
    p->n_works = at && b->moves_work ? 1 : n_slices;
    p->forward = calloc((size_t)p->n_works, sizeof(struct work *));
    const bool has_backward = g->n_nodes > g->n_forward;
    if (has_backward) p->backward = calloc((size_t)p->n_works, sizeof(struct work *));
    if (!p->forward || (has_backward && !p->backward)) {
        rc = fail(e, STATUS_NO_MEMORY, "program: no memory for %d slices", n_slices);
        goto done;
    }
    for (int s = 0; s < p->n_works; s++) {
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

enum status program_run(const struct program *p, enum op_direction direction,
                        const struct work_place *at, struct error *e) {
    struct work *const *works = direction == OP_FORWARD ? p->forward : p->backward;
    const struct work_place *made = &p->at[at->slice];
    CHECK(at->slice >= 0 && at->slice < p->n_slices);
    CHECK(p->backend->moves_work || (at->arena == made->arena && at->block == made->block &&
                                     at->other == made->other));
    if (!works) return STATUS_OK;
    struct work *w = works[p->n_works == 1 ? 0 : at->slice];
    return p->backend->table->work_run(w, at, e);
}

void program_destroy(struct program **program) {
    struct program *p = *program;
    if (!p) return;
    for (int s = 0; s < p->n_works; s++) {
        if (p->forward && p->forward[s]) p->backend->table->work_destroy(p->forward[s]);
        if (p->backward && p->backward[s]) p->backend->table->work_destroy(p->backward[s]);
    }
    for (int s = 0; s < p->n_slices && p->owns_arena; s++)
        if (p->at[s].arena) p->backend->table->buffer_destroy(p->at[s].arena);
    free(p->forward);
    free(p->backward);
    free(p->at);
    plan_release(&p->plan);
    free(p);
    *program = NULL;
}
