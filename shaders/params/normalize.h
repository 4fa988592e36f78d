/* Push constants of normalize_fwd and normalize_bwd. Read by C and GLSL. */
#ifndef SHADERS_PARAMS_NORMALIZE_H
#define SHADERS_PARAMS_NORMALIZE_H
#include "shaders/params/types.h"

struct normalize_params {
    uint rows, columns;
    uint accumulate;
    uint lanes; /* threads per row, see shaders/common/row.glsl */
};

#endif
