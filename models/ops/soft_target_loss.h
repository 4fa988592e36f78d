/* soft_target_loss: cross-entropy of a student's softmax with a teacher's, or the Kullback-Leibler
 * divergence between them, over rows or columns.
 *   in student (N, J), teacher (N, J), weight (N), logit_scale () optional, center (J) optional
 *   out loss ()      saved student_lse and teacher_lse (N, or J with columns)
 *   Logits: z = s student / student_temperature, t = s (teacher - center) / teacher_temperature,
 *   s = exp(logit_scale), or 1.  p = softmax(z), q = softmax(t).
 *   rows:    loss = factor sum_i weight[i] sum_j -q[i][j] log p[i][j]
 *   columns: softmax over the rows with weight > 0 only;
 *            loss = factor / J sum_j sum_i -q[i][j] log p[i][j]
 *   divergence: log(p / q) replaces log p, which subtracts the teacher's entropy. The loss is then
 *            KL(q || p), exactly 0 for equal logits; the gradient is the same.
 *   The loss over columns is 0 when no row has weight. Rows of weight 0 are not read.
 * Backward: dstudent = dloss factor w (p - q) s / student_temperature, with w the row's weight or
 *   1 / J; teacher, logit_scale and center get no gradient.
 * Used as: ZSCL distillation (both temperatures T, factor T^2, logits are cosines, both axes,
 *   divergence);
 *   self-distillation (0.1, 0.04, factor 1, center, rows). Source: Hinton et al. 2015; Zheng et al.
 *   2023 (ZSCL); Caron et al. 2021 (DINO). */
#ifndef MODELS_OPS_SOFT_TARGET_LOSS_H
#define MODELS_OPS_SOFT_TARGET_LOSS_H

#include "models/graph.h"

struct soft_target_loss_options {
    float student_temperature, teacher_temperature;
    float factor;
    int32_t columns;    /* 0: softmax over each row; 1: over each column */
    int32_t divergence; /* 0: cross-entropy; 1: minus the teacher's entropy */
};

struct soft_target_loss_inputs {
    int student, teacher, weight, logit_scale, center;
};
int soft_target_loss_call(struct graph *g, struct soft_target_loss_inputs in,
                          struct soft_target_loss_options options);

#endif
