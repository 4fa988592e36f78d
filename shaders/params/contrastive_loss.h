/* Push constants of contrastive_loss_fwd and contrastive_loss_bwd. Read by C and GLSL. */
#ifndef SHADERS_PARAMS_CONTRASTIVE_LOSS_H
#define SHADERS_PARAMS_CONTRASTIVE_LOSS_H
#include "shaders/params/types.h"

struct contrastive_loss_params {
    uint n;                 /* samples */
    uint line, item;        /* strides of the similarities: row by row or column by column */
    uint terms;             /* where a number per line goes in the scratch memory */
    float factor;           /* of the term of each line */
    uint lanes; /* threads per row, see shaders/common/row.glsl */
};

#endif
