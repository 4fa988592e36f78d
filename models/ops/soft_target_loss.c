#include "models/ops/soft_target_loss.h"

#include "models/ops/op_kernels.h"

#include <math.h>

enum { STUDENT, TEACHER, WEIGHT, LOGIT_SCALE, CENTER };

/* Logits are student_scale * student and teacher_scale * (teacher - center), computed in the same
 * way, so that equal tensors and temperatures give the same bits and a gradient of exactly 0. */
struct logits {
    const float *student, *teacher, *weight, *center;
    float student_scale, teacher_scale;
    int64_t n, columns;
    bool divergence;
};

static const struct soft_target_loss_options *options_of(const struct op_call *c) {
    return (const struct soft_target_loss_options *)c->options;
}

static struct logits logits_of(const struct op_call *c) {
    const struct soft_target_loss_options *o = options_of(c);
    const float s = op_has(c, OP_IN + LOGIT_SCALE) ? expf(op_f32(c, OP_IN + LOGIT_SCALE)[0]) : 1;
    return (struct logits){
        .student = op_f32(c, OP_IN + STUDENT),
        .teacher = op_f32(c, OP_IN + TEACHER),
        .weight = op_f32(c, OP_IN + WEIGHT),
        .center = op_has(c, OP_IN + CENTER) ? op_f32(c, OP_IN + CENTER) : NULL,
        .student_scale = s / o->student_temperature,
        .teacher_scale = s / o->teacher_temperature,
        .n = op_rows(c, OP_IN + STUDENT),
        .columns = op_columns(c, OP_IN + STUDENT),
        .divergence = o->divergence != 0,
    };
}

static float student_logit(const struct logits *l, int64_t i, int64_t j) {
    return l->student_scale * l->student[i * l->columns + j];
}

static float teacher_logit(const struct logits *l, int64_t i, int64_t j) {
    const float t = l->teacher[i * l->columns + j];
    return l->teacher_scale * (l->center ? t - l->center[j] : t);
}

static enum status shape(struct op_call *c, struct error *e) {
    static const char *const names[] = {"student", "teacher", "weight", "logit_scale", "center"};
    const struct soft_target_loss_options *o = options_of(c);
    const struct tensor *student = op_tensor(c, OP_IN);
    if (student->rank != 2)
        return fail(e, STATUS_BAD_ARG,
                    "soft_target_loss: student; expected a matrix, found rank %d", student->rank);
    const int64_t n = student->shape[0], columns = student->shape[1];
    const int64_t expected[] = {n * columns, n * columns, n, 1, columns};
    for (int i = 0; i < 5; i++) {
        const struct tensor *t = op_tensor(c, OP_IN + i);
        if (!op_has(c, OP_IN + i)) continue;
        if (t->type != TENSOR_F32 || tensor_elements(t) != expected[i])
            return fail(e, STATUS_BAD_ARG,
                        "soft_target_loss: %s; expected %lld float numbers, found %lld of type %d",
                        names[i], (long long)expected[i], (long long)tensor_elements(t),
                        (int)t->type);
    }
    if (!(o->student_temperature > 0) || !(o->teacher_temperature > 0))
        return fail(e, STATUS_BAD_ARG,
                    "soft_target_loss: temperatures; expected above 0, found %g and %g",
                    (double)o->student_temperature, (double)o->teacher_temperature);
    const int64_t slices = o->columns ? columns : n;
    c->slot[OP_OUT].tensor = tensor_make(TENSOR_F32, 0, NULL);
    c->slot[OP_SAVE].tensor = tensor_make(TENSOR_F32, 1, &slices);
    c->slot[OP_SAVE + 1].tensor = tensor_make(TENSOR_F32, 1, &slices);
    return STATUS_OK;
}

static uint64_t backward_reads(const struct op_call *c, uint32_t wanted) {
    (void)c, (void)wanted;
    return 0x1fu << OP_IN | 3u << OP_SAVE;
}

/* Per column: the largest logits, the sums of exponentials, and the sum of teacher exponentials
 * times student logits (with divergence, times student minus teacher logits). */
enum { STUDENT_MAX, TEACHER_MAX, STUDENT_SUM, TEACHER_SUM, CROSS_SUM, COLUMN_SUMS };

static int64_t scratch_bytes(const struct op_call *c) {
    const int64_t on_gpu = soft_target_loss_kernels_scratch(c);
    if (c->direction == OP_BACKWARD || !options_of(c)->columns) return on_gpu;
    return COLUMN_SUMS * op_columns(c, OP_IN) * (int64_t)sizeof(float);
}

/* The loss of one softmax from its sums; with divergence cross_sum is the sum of q (z - t). */
static double line_loss(const struct logits *l, double student_sum, double teacher_sum,
                        double cross_sum) {
    const double entropy_part = l->divergence ? log(teacher_sum) : 0;
    return log(student_sum) - entropy_part - cross_sum / teacher_sum;
}

/* Returns sum_i weight[i] loss(i). The largest logit is subtracted first, so that a confident
 * student's small loss is not the difference of two large numbers. */
static double forward_rows(const struct logits *l, float *student_lse, float *teacher_lse) {
    double loss = 0;
    for (int64_t i = 0; i < l->n; i++) {
        student_lse[i] = teacher_lse[i] = 0;
        if (l->weight[i] == 0) continue;
        float student_max = -INFINITY, teacher_max = -INFINITY;
        for (int64_t j = 0; j < l->columns; j++) {
            student_max = fmaxf(student_max, student_logit(l, i, j));
            teacher_max = fmaxf(teacher_max, teacher_logit(l, i, j));
        }
        double student_sum = 0, teacher_sum = 0, cross_sum = 0;
        for (int64_t j = 0; j < l->columns; j++) {
            const float z = student_logit(l, i, j) - student_max;
            const float t = teacher_logit(l, i, j) - teacher_max, q = expf(t);
            student_sum += expf(z);
            teacher_sum += q;
            cross_sum += (double)q * (l->divergence ? z - t : z);
        }
        student_lse[i] = student_max + (float)log(student_sum);
        teacher_lse[i] = teacher_max + (float)log(teacher_sum);
        loss += l->weight[i] * line_loss(l, student_sum, teacher_sum, cross_sum);
    }
    return loss;
}

static double forward_columns(const struct logits *l, float *student_lse, float *teacher_lse,
                              float *scratch) {
    const int64_t columns = l->columns;
    float *student_max = scratch + STUDENT_MAX * columns;
    float *teacher_max = scratch + TEACHER_MAX * columns;
    float *student_sum = scratch + STUDENT_SUM * columns;
    float *teacher_sum = scratch + TEACHER_SUM * columns;
    float *cross_sum = scratch + CROSS_SUM * columns;
    bool is_empty = true;
    for (int64_t j = 0; j < columns; j++) {
        student_max[j] = teacher_max[j] = -INFINITY;
        student_sum[j] = teacher_sum[j] = cross_sum[j] = 0;
        student_lse[j] = teacher_lse[j] = 0;
    }
    for (int64_t i = 0; i < l->n; i++) {
        if (!(l->weight[i] > 0)) continue;
        is_empty = false;
        for (int64_t j = 0; j < columns; j++) {
            student_max[j] = fmaxf(student_max[j], student_logit(l, i, j));
            teacher_max[j] = fmaxf(teacher_max[j], teacher_logit(l, i, j));
        }
    }
    if (is_empty) return 0;
    for (int64_t i = 0; i < l->n; i++) {
        if (!(l->weight[i] > 0)) continue;
        for (int64_t j = 0; j < columns; j++) {
            const float z = student_logit(l, i, j) - student_max[j];
            const float t = teacher_logit(l, i, j) - teacher_max[j], q = expf(t);
            student_sum[j] += expf(z);
            teacher_sum[j] += q;
            cross_sum[j] += q * (l->divergence ? z - t : z);
        }
    }
    double loss = 0;
    for (int64_t j = 0; j < columns; j++) {
        student_lse[j] = student_max[j] + logf(student_sum[j]);
        teacher_lse[j] = teacher_max[j] + logf(teacher_sum[j]);
        loss += line_loss(l, student_sum[j], teacher_sum[j], cross_sum[j]);
    }
    return loss / (double)columns;
}

static void forward(const struct op_call *c) {
    const struct logits l = logits_of(c);
    float *student_lse = op_f32(c, OP_SAVE), *teacher_lse = op_f32(c, OP_SAVE + 1);
    const double sum = options_of(c)->columns
                           ? forward_columns(&l, student_lse, teacher_lse, op_f32(c, OP_SCRATCH))
                           : forward_rows(&l, student_lse, teacher_lse);
    *op_f32(c, OP_OUT) = (float)(options_of(c)->factor * sum);
}

static void backward(const struct op_call *c) {
    const struct logits l = logits_of(c);
    const struct soft_target_loss_options *o = options_of(c);
    const float *student_lse = op_f32(c, OP_SAVE), *teacher_lse = op_f32(c, OP_SAVE + 1);
    const float slope = op_f32(c, OP_D_OUT)[0] * o->factor * l.student_scale;
    const float column_slope = slope / (float)l.columns;
    float *d = op_f32(c, OP_D_IN);
    for (int64_t i = 0; i < l.n; i++) {
        float *row = d + i * l.columns;
        const float row_slope = l.weight[i] * slope;
        const bool is_used = o->columns ? l.weight[i] > 0 : l.weight[i] != 0;
        if (!op_adds(c, 0))
            for (int64_t j = 0; j < l.columns; j++) row[j] = 0;
        if (!is_used) continue;
        for (int64_t j = 0; j < l.columns; j++) {
            const int64_t slice = o->columns ? j : i;
            const float p = expf(student_logit(&l, i, j) - student_lse[slice]);
            const float q = expf(teacher_logit(&l, i, j) - teacher_lse[slice]);
            row[j] += (o->columns ? column_slope : row_slope) * (p - q);
        }
    }
}

static double flops(const struct op_call *c) {
    return 10.0 * (double)tensor_elements(op_tensor(c, OP_IN));
}

const struct op op_soft_target_loss = {
    .name = "soft_target_loss",
    .n_inputs = 5,
    .n_outputs = 1,
    .n_saved = 2,
    .optional_inputs = 1u << LOGIT_SCALE | 1u << CENTER,
    .differentiable = 1u << STUDENT,
    .shape = shape,
    .backward_reads = backward_reads,
    .scratch_bytes = scratch_bytes,
    .forward = forward,
    .backward = backward,
    .kernels = soft_target_loss_kernels,
    .flops = flops,
};

int soft_target_loss_call(struct graph *g, struct soft_target_loss_inputs in,
                          struct soft_target_loss_options options) {
    return graph_call(
        g, OP_soft_target_loss,
        (int[OP_INPUTS]){in.student, in.teacher, in.weight, in.logit_scale, in.center, GRAPH_NONE},
        &options, sizeof options);
}
