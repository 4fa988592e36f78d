/* Push constants of blend_fwd. Read by C and GLSL. */
#ifndef SHADERS_PARAMS_BLEND_H
#define SHADERS_PARAMS_BLEND_H
#include "shaders/params/types.h"

struct blend_params {
    uint n;
};

#endif
