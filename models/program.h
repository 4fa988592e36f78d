/* program: a graph, its plan and its memory, ready to run on a backend for every slice.
 *
 * The forward calls and the backward calls are prepared separately, so that loss terms over the
 * features of the whole batch can run in between. */
#ifndef MODELS_PROGRAM_H
#define MODELS_PROGRAM_H

#include "models/backend.h"
#include "models/plan.h"

struct program {
    struct plan plan;
    int n_slices;
    struct buffer *arena;   /* n_slices blocks of plan.arena_bytes */
    struct work **forward;  /* n_slices */
    struct work **backward; /* n_slices; NULL without backward calls */
};

/* Takes what it needs from g, which may be released afterwards. */
enum status program_create(struct program **out, struct backend *b, const struct graph *g,
                           int n_slices, struct error *e);
void program_destroy(struct program **p);

/* The call of node i of g in slice s, all operands resolved. */
void program_resolve(struct op_call *call, const struct graph *g, const struct plan *p,
                     struct buffer *arena, int node, int slice);

#endif
