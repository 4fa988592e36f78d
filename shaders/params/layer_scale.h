/* Push constants of layer_scale_fwd, layer_scale_bwd and layer_scale_bwd_columns. Read by C and GLSL. */
#ifndef SHADERS_PARAMS_LAYER_SCALE_H
#define SHADERS_PARAMS_LAYER_SCALE_H
#include "shaders/params/types.h"

struct layer_scale_params {
    uint rows, columns;
    uint accumulate; /* backward: add to the gradient */
};

#endif
