#include "models/ops/activation.h"

#include "models/ops/fast_math.h"
#include "shaders/params/activation.h"

#include <math.h>
#include <string.h>

static enum activation_kind kind_of(const struct op_call *c) {
    return (enum activation_kind)((const struct activation_options *)c->options)->kind;
}

static float quick_gelu(float x) {
    return x / (1 + expf(-1.702f * x));
}

static float quick_gelu_slope(float x) {
    float s = 1 / (1 + expf(-1.702f * x));
    return s * (1 + 1.702f * x * (1 - s));
}

static float gelu(float x) {
    return 0.5f * x * (1 + erff(x * 0.70710678f));
}

static float gelu_slope(float x) {
    const float density = 0.39894228f * expf(-0.5f * x * x);
    return 0.5f * (1 + erff(x * 0.70710678f)) + x * density;
}

/* 2 sqrt(2 / pi), and that times 0.044715 and 3 times 0.044715 */
static const float tanh_linear = 1.59576912f, tanh_cubic = 0.0713548163f, tanh_slope = 0.214064449f;

static float gelu_tanh(float x) {
    return x / (1 + expf(-x * (tanh_linear + tanh_cubic * x * x)));
}

static float gelu_tanh_slope(float x) {
    const float s = 1 / (1 + expf(-x * (tanh_linear + tanh_cubic * x * x)));
    return s * (1 + x * (1 - s) * (tanh_linear + tanh_slope * x * x));
}

static enum status shape(struct op_call *c, struct error *e) {
    const struct tensor *x = op_tensor(c, OP_IN);
    if (x->type != TENSOR_F32)
        return fail(e, STATUS_BAD_ARG, "activation: x; expected float numbers, found another type");
    c->slot[OP_OUT].tensor = *x;
    return STATUS_OK;
}

static uint64_t backward_reads(const struct op_call *c, uint32_t wanted) {
    (void)c, (void)wanted;
    return 1u << OP_IN;
}

static void forward_reference(const struct op_call *c) {
    const int64_t n = tensor_elements(op_tensor(c, OP_IN));
    const float *x = op_f32(c, OP_IN);
    float *y = op_f32(c, OP_OUT);
    switch (kind_of(c)) {
    case ACTIVATION_QUICK_GELU:
        for (int64_t i = 0; i < n; i++) y[i] = quick_gelu(x[i]);
        break;
    case ACTIVATION_GELU:
        for (int64_t i = 0; i < n; i++) y[i] = gelu(x[i]);
        break;
    case ACTIVATION_GELU_TANH:
        for (int64_t i = 0; i < n; i++) y[i] = gelu_tanh(x[i]);
        break;
    case ACTIVATION_RELU:
        for (int64_t i = 0; i < n; i++) y[i] = x[i] > 0 ? x[i] : 0;
        break;
    }
}

static float slope(enum activation_kind kind, float x) {
    if (kind == ACTIVATION_QUICK_GELU) return quick_gelu_slope(x);
    if (kind == ACTIVATION_GELU) return gelu_slope(x);
    if (kind == ACTIVATION_GELU_TANH) return gelu_tanh_slope(x);
    return x > 0 ? 1.0f : 0.0f;
}

static void backward_reference(const struct op_call *c) {
    const int64_t n = tensor_elements(op_tensor(c, OP_IN));
    const float *x = op_f32(c, OP_IN), *dy = op_f32(c, OP_D_OUT);
    float *dx = op_f32(c, OP_D_IN);
    for (int64_t i = 0; i < n; i++)
        dx[i] = (op_adds(c, 0) ? dx[i] : 0) + dy[i] * slope(kind_of(c), x[i]);
}

/* Each loop below handles one kind, so that the compiler can vectorise it: libm's functions would
 * take longer than the matrix products of a small model. */
FAST_MATH_CLONES static void forward(const struct op_call *c) {
    const int64_t n = tensor_elements(op_tensor(c, OP_IN));
    const float *restrict x = op_f32(c, OP_IN);
    float *restrict y = op_f32(c, OP_OUT);
    switch (kind_of(c)) {
    case ACTIVATION_QUICK_GELU:
        for (int64_t i = 0; i < n; i++) y[i] = x[i] / (1 + fast_math_exp(-1.702f * x[i]));
        break;
    case ACTIVATION_GELU:
        for (int64_t i = 0; i < n; i++)
            y[i] = x[i] * fast_math_normal_cdf(x[i], fast_math_exp(-0.5f * x[i] * x[i]));
        break;
    case ACTIVATION_GELU_TANH:
        for (int64_t i = 0; i < n; i++)
            y[i] = x[i] / (1 + fast_math_exp(-x[i] * (tanh_linear + tanh_cubic * x[i] * x[i])));
        break;
    case ACTIVATION_RELU:
        for (int64_t i = 0; i < n; i++) y[i] = x[i] > 0 ? x[i] : 0;
        break;
    }
}

/* dx = dy f'(x), or dx += it with add. */
FAST_MATH_INLINE void slopes(float *restrict dx, const float *restrict dy, const float *restrict x,
                             int64_t n, enum activation_kind kind, bool add) {
    for (int64_t i = 0; i < n; i++) {
        float d;
        if (kind == ACTIVATION_QUICK_GELU) {
            const float s = 1 / (1 + fast_math_exp(-1.702f * x[i]));
            d = s * (1 + 1.702f * x[i] * (1 - s));
        } else if (kind == ACTIVATION_GELU) {
            const float e = fast_math_exp(-0.5f * x[i] * x[i]);
            d = fast_math_normal_cdf(x[i], e) + x[i] * (0.39894228f * e);
        } else if (kind == ACTIVATION_GELU_TANH) {
            const float square = x[i] * x[i];
            const float s = 1 / (1 + fast_math_exp(-x[i] * (tanh_linear + tanh_cubic * square)));
            d = s * (1 + x[i] * (1 - s) * (tanh_linear + tanh_slope * square));
        } else {
            d = x[i] > 0 ? 1.0f : 0.0f;
        }
        dx[i] = add ? dx[i] + dy[i] * d : dy[i] * d;
    }
}

FAST_MATH_CLONES static void backward(const struct op_call *c) {
    const int64_t n = tensor_elements(op_tensor(c, OP_IN));
    const float *x = op_f32(c, OP_IN), *dy = op_f32(c, OP_D_OUT);
    float *dx = op_f32(c, OP_D_IN);
    switch (2 * kind_of(c) + op_adds(c, 0)) {
    case 2 * ACTIVATION_QUICK_GELU:
        slopes(dx, dy, x, n, ACTIVATION_QUICK_GELU, false);
        break;
    case 2 * ACTIVATION_QUICK_GELU + 1:
        slopes(dx, dy, x, n, ACTIVATION_QUICK_GELU, true);
        break;
    case 2 * ACTIVATION_GELU:
        slopes(dx, dy, x, n, ACTIVATION_GELU, false);
        break;
    case 2 * ACTIVATION_GELU + 1:
        slopes(dx, dy, x, n, ACTIVATION_GELU, true);
        break;
    case 2 * ACTIVATION_GELU_TANH:
        slopes(dx, dy, x, n, ACTIVATION_GELU_TANH, false);
        break;
    case 2 * ACTIVATION_GELU_TANH + 1:
        slopes(dx, dy, x, n, ACTIVATION_GELU_TANH, true);
        break;
    case 2 * ACTIVATION_RELU:
        slopes(dx, dy, x, n, ACTIVATION_RELU, false);
        break;
    case 2 * ACTIVATION_RELU + 1:
        slopes(dx, dy, x, n, ACTIVATION_RELU, true);
        break;
    }
}

static int kernels(const struct op_call *c, const struct traits *t, struct kernel *k) {
    (void)t;
    const bool is_forward = c->direction == OP_FORWARD;
    const struct activation_params push = {
        .n = (uint)tensor_elements(op_tensor(c, OP_IN)),
        .kind = (uint)kind_of(c),
        .accumulate = op_adds(c, 0),
    };
    *k = is_forward ? (struct kernel){.shader = "activation_fwd",
                                      .n_bindings = 2,
                                      .binding = {OP_IN, OP_OUT}}
                    : (struct kernel){.shader = "activation_bwd",
                                      .n_bindings = 3,
                                      .binding = {OP_IN, OP_D_OUT, OP_D_IN}};
    kernel_groups(k, push.n, 256);
    kernel_push(k, &push, sizeof push);
    return 1;
}

static double flops(const struct op_call *c) {
    return 8.0 * (double)tensor_elements(op_tensor(c, OP_IN));
}

const struct op op_activation = {
    .name = "activation",
    .n_inputs = 1,
    .n_outputs = 1,
    .differentiable = 1,
    .shape = shape,
    .backward_reads = backward_reads,
    .forward = forward,
    .backward = backward,
    .forward_reference = forward_reference,
    .backward_reference = backward_reference,
    .kernels = kernels,
    .flops = flops,
};

int activation_call(struct graph *g, int x, enum activation_kind kind) {
    const struct activation_options options = {.kind = kind};
    return graph_call(
        g, OP_activation,
        (int[OP_INPUTS]){x, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE}, &options,
        sizeof options);
}

const char *activation_word(enum activation_kind kind) {
    static const char *const words[] = {"quick_gelu", "gelu", "gelu_tanh", "relu"};
    return words[kind];
}
