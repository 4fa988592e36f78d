/* Push constants of total: y = the sum of n numbers of x, or y += it. Read by C and GLSL. */
#ifndef SHADERS_PARAMS_TOTAL_H
#define SHADERS_PARAMS_TOTAL_H
#include "shaders/params/types.h"

struct total_params {
    uint n;
    uint start; /* of the numbers in x */
    uint accumulate;
    float scale;
};

#endif
