/* program: a graph and its plan, ready to run on a backend for every slice.
 *
 * The forward calls and the backward calls are prepared separately, so that loss terms over the
 * features of the whole batch can run in between. Slices need not have memory of their own: the
 * caller says where each one runs (struct work_place). Between the forward and the backward of a
 * slice nothing else may use its arena. */
#ifndef MODELS_PROGRAM_H
#define MODELS_PROGRAM_H

#include "models/backend.h"
#include "models/plan.h"

struct program {
    struct backend *backend;
    struct plan plan;
    int n_slices;
    int n_works;            /* 1 where one work serves all slices, else n_slices */
    struct work_place *at;  /* n_slices: where the works were made for */
    bool owns_arena;        /* at[].arena */
    struct work **forward;  /* n_works */
    struct work **backward; /* n_works; NULL without backward calls */
};

/* Takes what it needs from g, which may be released afterwards. at: n_slices places, with arenas of
 * at least program_arena_bytes, which outlive the program; backends with moves_work can run the
 * slices at any other places too. NULL: the program makes an arena for each slice, and tensors have
 * places of base FIXED only. */
enum status program_create(struct program **out, struct backend *b, const struct graph *g,
                           int n_slices, const struct work_place *at, struct error *e);
void program_destroy(struct program **p);

/* Bytes of an arena for one slice. */
int64_t program_arena_bytes(const struct plan *p);
/* Bytes of the arenas that the program made. */
int64_t program_bytes(const struct program *p);

/* Runs one slice; for programs made with places, inside a task of backend_table.each or outside of
 * all runs. Nothing happens for a direction without calls. */
enum status program_run(const struct program *p, enum op_direction direction,
                        const struct work_place *at, struct error *e);

/* The call of node i of g at a place, all operands resolved. */
void program_resolve(struct op_call *call, const struct graph *g, const struct plan *p,
                     const struct work_place *at, int node);

#endif
