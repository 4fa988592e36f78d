/* Scratch memory holds the weighted loss of each line; forward only. */
#include "models/ops/soft_target_loss.h"

#include "models/ops/op_kernels.h"
#include "shaders/params/soft_target_loss.h"

enum { STUDENT, TEACHER, WEIGHT, LOGIT_SCALE, CENTER };

int soft_target_loss_kernels(const struct op_call *c, const struct traits *t, struct kernel *k) {
    (void)t;
    const struct soft_target_loss_options *o = (const struct soft_target_loss_options *)c->options;
    const struct soft_target_loss_params p = {
        .rows = (uint)op_rows(c, OP_IN + STUDENT),
        .columns = (uint)op_columns(c, OP_IN + STUDENT),
        .by_columns = o->columns != 0,
        .divergence = o->divergence != 0,
        .has_scale = op_has(c, OP_IN + LOGIT_SCALE),
        .has_center = op_has(c, OP_IN + CENTER),
        .accumulate = op_adds(c, STUDENT),
        .student_factor = 1 / o->student_temperature,
        .teacher_factor = 1 / o->teacher_temperature,
        .factor = o->factor,
        .lanes = op_kernels_lanes(o->columns ? op_rows(c, OP_IN) : op_columns(c, OP_IN)),
    };
    const int64_t lines = o->columns ? p.columns : p.rows;
    const bool is_forward = c->direction == OP_FORWARD;
    *k = (struct kernel){.shader = is_forward ? "soft_target_loss_fwd" : "soft_target_loss_bwd",
                         .n_bindings = is_forward ? 8 : 9,
                         .binding = {OP_IN + STUDENT, OP_IN + TEACHER, OP_IN + WEIGHT,
                                     OP_IN + LOGIT_SCALE, OP_IN + CENTER, OP_SAVE, OP_SAVE + 1,
                                     is_forward ? OP_SCRATCH : OP_D_OUT, OP_D_IN + STUDENT}};
    if (is_forward)
        op_kernels_row_groups(k, lines, p.lanes);
    else
        kernel_groups(k, (int64_t)p.rows * p.columns, 256);
    kernel_push(k, &p, sizeof p);
    if (is_forward) op_kernels_total(&k[1], OP_SCRATCH, 0, lines, OP_OUT, o->factor, false);
    return is_forward ? 2 : 1;
}

int64_t soft_target_loss_kernels_scratch(const struct op_call *c) {
    const struct soft_target_loss_options *o = (const struct soft_target_loss_options *)c->options;
    if (c->direction == OP_BACKWARD) return 0;
    return (o->columns ? op_columns(c, OP_IN) : op_rows(c, OP_IN)) * (int64_t)sizeof(float);
}
