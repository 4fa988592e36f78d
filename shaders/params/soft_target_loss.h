/* Push constants of soft_target_loss_fwd and soft_target_loss_bwd. Read by C and GLSL. */
#ifndef SHADERS_PARAMS_SOFT_TARGET_LOSS_H
#define SHADERS_PARAMS_SOFT_TARGET_LOSS_H
#include "shaders/params/types.h"

struct soft_target_loss_params {
    uint rows, columns;
    uint by_columns;            /* softmax over each column instead of each row */
    uint divergence;            /* minus the teacher's entropy; read by forward only */
    uint has_scale, has_center;
    uint accumulate;
    float student_factor, teacher_factor; /* 1 / temperature */
    float factor;
    uint lanes; /* threads per row, see shaders/common/row.glsl */
};

#endif
