/* Push constants of activation_fwd and activation_bwd. Read by C and GLSL. */
#ifndef SHADERS_PARAMS_ACTIVATION_H
#define SHADERS_PARAMS_ACTIVATION_H
#include "shaders/params/types.h"

struct activation_params {
    uint n;          /* elements */
    uint kind;       /* enum activation_kind */
    uint accumulate; /* backward: add to dx */
};

#endif
