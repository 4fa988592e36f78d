/* Push constants of clamp_fwd. Read by C and GLSL. */
#ifndef SHADERS_PARAMS_CLAMP_H
#define SHADERS_PARAMS_CLAMP_H
#include "shaders/params/types.h"

struct clamp_params {
    uint n;
    float low, high;
};

#endif
