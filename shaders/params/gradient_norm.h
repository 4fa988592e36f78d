/* Push constants of gradient_norm_blocks and gradient_norm_finish. Read by C and GLSL. */
#ifndef SHADERS_PARAMS_GRADIENT_NORM_H
#define SHADERS_PARAMS_GRADIENT_NORM_H
#include "shaders/params/types.h"

#define GRADIENT_NORM_BLOCK 1024

struct gradient_norm_params {
    uint n;         /* numbers to sum */
    uint read_at;   /* where they start in x */
    uint write_at;  /* where the sums of blocks go in sums */
    uint squares;   /* 1: square them first */
};

#endif
