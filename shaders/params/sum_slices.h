/* Push constants of sum_slices_fwd. Read by C and GLSL. */
#ifndef SHADERS_PARAMS_SUM_SLICES_H
#define SHADERS_PARAMS_SUM_SLICES_H
#include "shaders/params/types.h"

struct sum_slices_params {
    uint n_slices, n;
};

#endif
