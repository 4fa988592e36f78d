/* program: a graph and its plan, prepared to run on a backend for every slice.
 *
 * Forward calls and backward calls are prepared separately, so that losses over the features of the
 * whole batch can run in between. Slices may share memory: the caller chooses the place of each run
 * (struct work_place). Nothing else may use the arena of a slice between its forward and its
 * backward. */
#ifndef MODELS_PROGRAM_H
#define MODELS_PROGRAM_H

#include "models/backend.h"
#include "models/plan.h"

struct program {
    struct backend *backend;
    struct plan plan;
    int n_slices;
    int n_works;            /* 1 where one work serves all slices, else n_slices */
    struct work_place *at;  /* n_slices: places the works were made for */
    bool owns_arena;        /* at[].arena */
    struct work **forward;  /* n_works */
    struct work **backward; /* n_works; NULL without backward calls */
};

/* Copies what it needs from g, which may be released afterwards. at: n_slices places whose arenas
 * have at least program_arena_bytes and outlive the program; backends with moves_work can also run
 * the slices at other places. NULL: the program creates an arena for each slice, and tensors may
 * only have places of base FIXED. */
enum status program_create(struct program **out, struct backend *b, const struct graph *g,
                           int n_slices, const struct work_place *at, struct error *e);
void program_destroy(struct program **p);

/* Bytes of the arena of one slice. */
int64_t program_arena_bytes(const struct plan *p);
/* Bytes of the arenas created by the program. */
int64_t program_bytes(const struct program *p);

/* Runs one slice, for programs created with places; inside a task of backend_table.each, or while
 * nothing else runs. Does nothing for a direction without calls. */
enum status program_run(const struct program *p, enum op_direction direction,
                        const struct work_place *at, struct error *e);

/* Fills *call with node `node` of g at a place, with all operands resolved. */
void program_resolve(struct op_call *call, const struct graph *g, const struct plan *p,
                     const struct work_place *at, int node);

#endif
