/* Push constants of sigmoid_loss_fwd and sigmoid_loss_bwd. Read by C and GLSL. */
#ifndef SHADERS_PARAMS_SIGMOID_LOSS_H
#define SHADERS_PARAMS_SIGMOID_LOSS_H
#include "shaders/params/types.h"

struct sigmoid_loss_params {
    uint n;           /* samples */
    uint first, rows; /* of the tile of similarities: its first sample, and how many */
    uint terms;       /* where the numbers per sample go in the scratch memory */
    uint lanes;       /* threads per row, see shaders/common/row.glsl */
};

#endif
