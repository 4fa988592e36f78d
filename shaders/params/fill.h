/* Push constants of fill. Read by C and GLSL. */
#ifndef SHADERS_PARAMS_FILL_H
#define SHADERS_PARAMS_FILL_H
#include "shaders/params/types.h"

struct fill_params {
    uint n;
    float value;
};

#endif
