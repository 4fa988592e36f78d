#include "models/ops/layernorm.h"

#include "models/ops/fast_math.h"
#include "models/ops/op_kernels.h"

#include <math.h>

enum { X, GAIN, BIAS };

static float epsilon_of(const struct op_call *c) {
    return ((const struct layernorm_options *)c->options)->epsilon;
}

static enum status shape(struct op_call *c, struct error *e) {
    const struct tensor *x = op_tensor(c, OP_IN + X);
    if (x->type != TENSOR_F32 || x->rank < 1)
        return fail(e, STATUS_BAD_ARG, "layernorm: x; expected rows of float numbers");
    for (int i = GAIN; i <= BIAS; i++) {
        const struct tensor *t = op_tensor(c, OP_IN + i);
        if (t->type != TENSOR_F32 || tensor_elements(t) != op_columns(c, OP_IN + X))
            return fail(e, STATUS_BAD_ARG, "layernorm: %s; expected %lld float numbers, found %lld",
                        i == GAIN ? "gain" : "bias", (long long)op_columns(c, OP_IN + X),
                        (long long)tensor_elements(t));
    }
    if (!(epsilon_of(c) >= 0))
        return fail(e, STATUS_BAD_ARG, "layernorm: epsilon; expected at least 0, found %g",
                    (double)epsilon_of(c));
    c->slot[OP_OUT].tensor = *x;
    c->slot[OP_SAVE].tensor = tensor_make(TENSOR_F32, 2, (int64_t[]){op_rows(c, OP_IN), 2});
    return STATUS_OK;
}

static uint64_t backward_reads(const struct op_call *c, uint32_t wanted) {
    uint64_t reads = 0;
    (void)c;
    if (wanted & (1u << X)) reads |= 1u << (OP_IN + GAIN);
    if (wanted & (1u << X | 1u << GAIN)) reads |= 1u << (OP_IN + X) | 1u << OP_SAVE;
    return reads;
}

static void forward_reference(const struct op_call *c) {
    const int64_t rows = op_rows(c, OP_IN), columns = op_columns(c, OP_IN);
    const float *gain = op_f32(c, OP_IN + GAIN), *bias = op_f32(c, OP_IN + BIAS);
    for (int64_t i = 0; i < rows; i++) {
        const float *x = op_f32(c, OP_IN + X) + i * columns;
        float *y = op_f32(c, OP_OUT) + i * columns, *saved = op_f32(c, OP_SAVE) + 2 * i;
        float mean = 0, variance = 0;
        for (int64_t j = 0; j < columns; j++) mean += x[j];
        mean /= (float)columns;
        for (int64_t j = 0; j < columns; j++) variance += (x[j] - mean) * (x[j] - mean);
        variance /= (float)columns;
        const float r = 1 / sqrtf(variance + epsilon_of(c));
        for (int64_t j = 0; j < columns; j++) y[j] = (x[j] - mean) * r * gain[j] + bias[j];
        saved[0] = mean;
        saved[1] = r;
    }
}

static void backward_reference(const struct op_call *c) {
    const int64_t rows = op_rows(c, OP_D_OUT), columns = op_columns(c, OP_D_OUT);
    float *dgain = op_f32(c, OP_D_IN + GAIN), *dbias = op_f32(c, OP_D_IN + BIAS);
    for (int64_t j = 0; j < columns; j++) {
        if (op_wants(c, GAIN) && !op_adds(c, GAIN)) dgain[j] = 0;
        if (op_wants(c, BIAS) && !op_adds(c, BIAS)) dbias[j] = 0;
    }
    for (int64_t i = 0; i < rows; i++) {
        const float *dy = op_f32(c, OP_D_OUT) + i * columns;
        for (int64_t j = 0; op_wants(c, BIAS) && j < columns; j++) dbias[j] += dy[j]; /* dbias */
        if (!op_wants(c, X) && !op_wants(c, GAIN)) continue;
        const float *x = op_f32(c, OP_IN + X) + i * columns, *saved = op_f32(c, OP_SAVE) + 2 * i;
        const float mean = saved[0], r = saved[1];
        for (int64_t j = 0; op_wants(c, GAIN) && j < columns; j++) /* dgain: dy h */
            dgain[j] += dy[j] * ((x[j] - mean) * r);
        if (!op_wants(c, X)) continue;
        const float *gain = op_f32(c, OP_IN + GAIN);
        float *dx = op_f32(c, OP_D_IN + X) + i * columns, mean_g = 0, mean_gh = 0;
        for (int64_t j = 0; j < columns; j++) { /* mean(g) and mean(g h), g = dy gain */
            mean_g += dy[j] * gain[j];
            mean_gh += dy[j] * gain[j] * ((x[j] - mean) * r);
        }
        mean_g /= (float)columns;
        mean_gh /= (float)columns;
        for (int64_t j = 0; j < columns; j++) { /* dx = r (g - mean(g) - h mean(g h)) */
            const float d = r * (dy[j] * gain[j] - mean_g - (x[j] - mean) * r * mean_gh);
            dx[j] = op_adds(c, X) ? dx[j] + d : d;
        }
    }
}

FAST_MATH_CLONES static void forward(const struct op_call *c) {
    const int64_t rows = op_rows(c, OP_IN), columns = op_columns(c, OP_IN);
    const float *restrict gain = op_f32(c, OP_IN + GAIN), *restrict bias = op_f32(c, OP_IN + BIAS);
    for (int64_t i = 0; i < rows; i++) {
        const float *restrict x = op_f32(c, OP_IN + X) + i * columns;
        float *restrict y = op_f32(c, OP_OUT) + i * columns;
        const float mean = fast_math_sum(x, columns) / (float)columns;
        for (int64_t j = 0; j < columns; j++) y[j] = x[j] - mean;
        const float variance = fast_math_dot(y, y, columns) / (float)columns;
        const float r = 1 / sqrtf(variance + epsilon_of(c));
        for (int64_t j = 0; j < columns; j++) y[j] = y[j] * r * gain[j] + bias[j];
        op_f32(c, OP_SAVE)[2 * i] = mean;
        op_f32(c, OP_SAVE)[2 * i + 1] = r;
    }
}

/* sum of dy gain (x - mean), by lanes. */
FAST_MATH_INLINE float weighed_deviation(const float *restrict dy, const float *restrict gain,
                                         const float *restrict x, int64_t n, float mean) {
    float lane[FAST_MATH_LANES] = {0};
    int64_t i = 0;
    for (; i + FAST_MATH_LANES <= n; i += FAST_MATH_LANES)
        for (int l = 0; l < FAST_MATH_LANES; l++)
            lane[l] += dy[i + l] * gain[i + l] * (x[i + l] - mean);
    for (int l = 0; i + l < n; l++) lane[l] += dy[i + l] * gain[i + l] * (x[i + l] - mean);
    return fast_math_lanes(lane);
}

/* dx = r (g - mean(g) - h mean(g h)) of one row. */
FAST_MATH_INLINE void row_dx(float *restrict dx, const float *restrict dy, const float *restrict x,
                             const float *restrict gain, int64_t n, float mean, float r, bool add) {
    const float mean_g = fast_math_dot(dy, gain, n) / (float)n;
    const float mean_gh = r * weighed_deviation(dy, gain, x, n, mean) / (float)n;
    for (int64_t j = 0; j < n; j++) {
        const float d = r * (dy[j] * gain[j] - mean_g - (x[j] - mean) * r * mean_gh);
        dx[j] = add ? dx[j] + d : d;
    }
}

/* Takes rows in rising order, so the column sums add in the order of the plain loops. */
FAST_MATH_CLONES static void backward(const struct op_call *c) {
    const int64_t rows = op_rows(c, OP_D_OUT), columns = op_columns(c, OP_D_OUT);
    float *restrict dgain = op_f32(c, OP_D_IN + GAIN), *restrict dbias = op_f32(c, OP_D_IN + BIAS);
    const size_t bytes = (size_t)columns * sizeof(float);
    if (op_wants(c, GAIN) && !op_adds(c, GAIN)) memset(dgain, 0, bytes);
    if (op_wants(c, BIAS) && !op_adds(c, BIAS)) memset(dbias, 0, bytes);
    for (int64_t i = 0; i < rows; i++) {
        const float *restrict dy = op_f32(c, OP_D_OUT) + i * columns;
        if (op_wants(c, BIAS))
            for (int64_t j = 0; j < columns; j++) dbias[j] += dy[j];
        if (!op_wants(c, X) && !op_wants(c, GAIN)) continue;
        const float *restrict x = op_f32(c, OP_IN + X) + i * columns;
        const float mean = op_f32(c, OP_SAVE)[2 * i], r = op_f32(c, OP_SAVE)[2 * i + 1];
        if (op_wants(c, GAIN))
            for (int64_t j = 0; j < columns; j++) dgain[j] += dy[j] * ((x[j] - mean) * r);
        if (op_wants(c, X))
            row_dx(op_f32(c, OP_D_IN + X) + i * columns, dy, x, op_f32(c, OP_IN + GAIN), columns,
                   mean, r, op_adds(c, X));
    }
}

static double flops(const struct op_call *c) {
    return (c->direction == OP_FORWARD ? 8.0 : 14.0) *
           (double)tensor_elements(op_tensor(c, OP_IN + X));
}

const struct op op_layernorm = {
    .name = "layernorm",
    .n_inputs = 3,
    .n_outputs = 1,
    .n_saved = 1,
    .differentiable = 7,
    .shape = shape,
    .backward_reads = backward_reads,
    .forward = forward,
    .backward = backward,
    .forward_reference = forward_reference,
    .backward_reference = backward_reference,
    .kernels = layernorm_kernels,
    .flops = flops,
};

int layernorm_call(struct graph *g, int x, int gain, int bias, float epsilon) {
    const struct layernorm_options options = {.epsilon = epsilon};
    return graph_call(g, OP_layernorm,
                      (int[OP_INPUTS]){x, gain, bias, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE}, &options,
                      sizeof options);
}
