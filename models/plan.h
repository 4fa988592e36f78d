/* plan: gives every activation of a graph an offset in the arena, by liveness.
 *
 * A tensor lives from the call that writes it to the last call that reads it; scratch lives for
 * one call. Offsets are multiples of 256 bytes. The arena holds one slice; slice s uses the block
 * at s * arena_bytes. */
#ifndef MODELS_PLAN_H
#define MODELS_PLAN_H

#include "models/graph.h"

struct plan {
    int64_t arena_bytes; /* peak, a multiple of 256 */
    int64_t *offset;     /* per tensor; -1: not in the arena */
    int64_t *scratch;    /* per node; -1: none */
    double flops_forward, flops_backward; /* recomputation not counted */
};

enum status plan_init(struct plan *p, const struct graph *g, struct error *e);
void plan_release(struct plan *p);

#endif
