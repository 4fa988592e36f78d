/* Push constants of sigmoid_loss_fwd and sigmoid_loss_bwd. Read by C and GLSL. */
#ifndef SHADERS_PARAMS_SIGMOID_LOSS_H
#define SHADERS_PARAMS_SIGMOID_LOSS_H
#include "shaders/params/types.h"

struct sigmoid_loss_params {
    uint n;           /* samples */
    uint first, rows; /* the tile of similarities: its first row and number of rows */
    uint terms;       /* where the numbers per sample go in scratch memory */
    uint lanes;       /* threads per row, see shaders/common/row.glsl */
};

#endif
