/* normalize: y = x / max(|x|, 1e-12), for each row of x (N, C)
 *   saved inverse (N): 1 / max(|x|, 1e-12)
 * Backward reads y and inverse: dx = (dy - y (y . dy)) inverse. */
#ifndef MODELS_OPS_NORMALIZE_H
#define MODELS_OPS_NORMALIZE_H

#include "models/graph.h"

struct normalize_options {
    int32_t unused;
};

int normalize_call(struct graph *g, int x);

#endif
