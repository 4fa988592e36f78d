/* clamp: x = min(max(x, low), high), in place; NaN stays NaN.  in and out x (n). */
#ifndef MODELS_OPS_CLAMP_H
#define MODELS_OPS_CLAMP_H

#include "models/graph.h"

struct clamp_options {
    float low, high;
};

void clamp_update(struct graph *g, int x, struct clamp_options options);

#endif
