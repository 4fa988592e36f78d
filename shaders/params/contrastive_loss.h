/* Push constants of contrastive_loss_fwd and contrastive_loss_bwd. Read by C and GLSL. */
#ifndef SHADERS_PARAMS_CONTRASTIVE_LOSS_H
#define SHADERS_PARAMS_CONTRASTIVE_LOSS_H
#include "shaders/params/types.h"

struct contrastive_loss_params {
    uint n;           /* samples */
    uint first, rows; /* the tile of similarities: its first row and number of rows */
    uint line, item;  /* strides of the similarities: row by row or column by column */
    uint terms;       /* where the loss terms, one per sample, go in scratch memory */
    uint lanes;       /* threads per row, see shaders/common/row.glsl */
};

#endif
