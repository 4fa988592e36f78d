/* program: a graph, its plan and its memory, ready to run on a backend for every slice.
 *
 * The forward calls and the backward calls are prepared separately, so that loss terms over the
 * features of the whole batch can run in between. Programs of which only one runs at a time may
 * share an arena: between the forward and the backward of one, no other may run. */
#ifndef MODELS_PROGRAM_H
#define MODELS_PROGRAM_H

#include "models/backend.h"
#include "models/plan.h"

struct program {
    struct plan plan;
    int n_slices;
    struct buffer *arena;   /* n_slices blocks of plan.arena_bytes */
    bool owns_arena;
    struct work **forward;  /* n_slices */
    struct work **backward; /* n_slices; NULL without backward calls */
};

/* Bytes of the arena of a program over n_slices slices with this plan. */
int64_t program_arena_bytes(const struct plan *p, int n_slices);

/* Takes what it needs from g, which may be released afterwards. arena: of the caller, of at least
 * program_arena_bytes, and destroyed after the program; NULL: the program has its own. */
enum status program_create(struct program **out, struct backend *b, const struct graph *g,
                           int n_slices, struct buffer *arena, struct error *e);
void program_destroy(struct program **p);

/* The call of node i of g in slice s, all operands resolved. */
void program_resolve(struct op_call *call, const struct graph *g, const struct plan *p,
                     struct buffer *arena, int node, int slice);

#endif
