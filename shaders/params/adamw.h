/* Push constants of adamw_fwd. Read by C and GLSL. */
#ifndef SHADERS_PARAMS_ADAMW_H
#define SHADERS_PARAMS_ADAMW_H
#include "shaders/params/types.h"

struct adamw_params {
    uint n;
    uint decay; /* 1: weight decay applies */
};

#endif
