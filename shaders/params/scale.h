/* Push constants of scale: y = scale x, or y += scale x. Read by C and GLSL. */
#ifndef SHADERS_PARAMS_SCALE_H
#define SHADERS_PARAMS_SCALE_H
#include "shaders/params/types.h"

struct scale_params {
    uint n;
    uint accumulate;
    float scale;
};

#endif
