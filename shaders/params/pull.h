/* Push constants of pull_fwd. Read by C and GLSL. */
#ifndef SHADERS_PARAMS_PULL_H
#define SHADERS_PARAMS_PULL_H
#include "shaders/params/types.h"

struct pull_params {
    uint n;
    uint has_anchor; /* 0: zeros, and the binding is not read */
};

#endif
