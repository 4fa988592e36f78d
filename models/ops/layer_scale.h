/* layer_scale: y = x + gamma z, with a gain per column of the layer's output z
 *   in x (N, C), z (N, C), gamma (C)   out y (N, C)
 * Backward: dx = dy;  dz = dy gamma;  dgamma = column sums of dy z, rows in rising order.
 * Source: Touvron et al. 2021 (CaiT), section 2; DINOv2. */
#ifndef MODELS_OPS_LAYER_SCALE_H
#define MODELS_OPS_LAYER_SCALE_H

#include "models/graph.h"

struct layer_scale_options {
    int32_t unused;
};

int layer_scale_call(struct graph *g, int x, int z, int gamma);

#endif
