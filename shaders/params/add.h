/* Push constants of add_fwd; backward is the kernel scale. Read by C and GLSL. */
#ifndef SHADERS_PARAMS_ADD_H
#define SHADERS_PARAMS_ADD_H
#include "shaders/params/types.h"

struct add_params {
    uint n;
    float scale;
};

#endif
