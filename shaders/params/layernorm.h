/* Push constants of layernorm_fwd, layernorm_bwd and layernorm_bwd_columns. Read by C and GLSL. */
#ifndef SHADERS_PARAMS_LAYERNORM_H
#define SHADERS_PARAMS_LAYERNORM_H
#include "shaders/params/types.h"

#define LAYERNORM_ADD_X 1u
#define LAYERNORM_WANTS_GAIN 2u
#define LAYERNORM_WANTS_BIAS 4u
#define LAYERNORM_ADD_GAIN 8u
#define LAYERNORM_ADD_BIAS 16u

struct layernorm_params {
    uint rows, columns;
    float epsilon;
    uint flags; /* of layernorm_bwd: ADD_X; of layernorm_bwd_columns: the others */
    uint lanes; /* threads per row, see shaders/common/row.glsl */
};

#endif
