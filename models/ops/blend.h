/* blend: state = keep state + (1 - keep) x, in place
 *   in state (n), x (n), step (STEP_COUNT); out state. keep = step[keep_index], so that it may
 *   follow a schedule. Used for EMA teachers and centres. */
#ifndef MODELS_OPS_BLEND_H
#define MODELS_OPS_BLEND_H

#include "models/graph.h"

struct blend_options {
    int32_t keep_index;
};

void blend_update(struct graph *g, int state, int x, int step, struct blend_options options);

#endif
