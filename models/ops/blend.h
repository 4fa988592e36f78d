/* blend: state = keep state + (1 - keep) x, in place
 *   in state (n), x (n), keep (); out state. keep is a live number, so it can follow a schedule.
 *   Used for moving averages of weights and centers. */
#ifndef MODELS_OPS_BLEND_H
#define MODELS_OPS_BLEND_H

#include "models/graph.h"

struct blend_options {
    int32_t unused;
};

void blend_update(struct graph *g, int state, int x, int keep);

#endif
