/* Push constants of add_block_fwd. Read by C and GLSL. */
#ifndef SHADERS_PARAMS_ADD_BLOCK_H
#define SHADERS_PARAMS_ADD_BLOCK_H
#include "shaders/params/types.h"

struct add_block_params {
    uint n;
    uint first; /* 1: y = x */
};

#endif
