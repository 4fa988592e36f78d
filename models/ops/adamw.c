#include "models/ops/adamw.h"

#include "shaders/params/adamw.h"

#include <math.h>

enum { GRADIENT, NORM, NUMBERS, PARAMETER, FIRST, SECOND };

static enum status shape(struct op_call *c, struct error *e) {
    const struct tensor *parameter = op_tensor(c, OP_IN + PARAMETER);
    const int64_t n = tensor_elements(parameter);
    static const char *const names[OP_INPUTS] = {"gradient",  "norm",         "numbers",
                                                 "parameter", "first moment", "second moment"};
    const int64_t expected[OP_INPUTS] = {n, 2, ADAMW_NUMBERS, n, n, n};
    for (int i = 0; i < OP_INPUTS; i++) {
        const struct tensor *t = op_tensor(c, OP_IN + i);
        if (t->type != TENSOR_F32 || tensor_elements(t) != expected[i])
            return fail(e, STATUS_BAD_ARG,
                        "adamw: %s; expected %lld float numbers, found %lld of type %d", names[i],
                        (long long)expected[i], (long long)tensor_elements(t), (int)t->type);
    }
    for (int i = 0; i < 3; i++) c->slot[OP_OUT + i].tensor = *op_tensor(c, OP_IN + PARAMETER + i);
    return STATUS_OK;
}

static void forward(const struct op_call *c) {
    const struct adamw_options *o = (const struct adamw_options *)c->options;
    const int64_t n = tensor_elements(op_tensor(c, OP_OUT));
    const float *gradient = op_f32(c, OP_IN + GRADIENT), *numbers = op_f32(c, OP_IN + NUMBERS);
    const float factor = op_f32(c, OP_IN + NORM)[1];
    float *restrict w = op_f32(c, OP_OUT);
    float *restrict m = op_f32(c, OP_OUT + 1), *restrict v = op_f32(c, OP_OUT + 2);
    const float rate = numbers[ADAMW_RATE], epsilon = numbers[ADAMW_EPSILON];
    const float beta1 = numbers[ADAMW_BETA1], beta2 = numbers[ADAMW_BETA2];
    const float shrink = o->decay ? rate * numbers[ADAMW_DECAY] : 0;
    const float rate1 = rate / numbers[ADAMW_CORRECTION1];
    const float root2 = sqrtf(numbers[ADAMW_CORRECTION2]);
    if (factor == 0) return;
    for (int64_t i = 0; i < n; i++) {
        const float g = gradient[i] * factor;
        m[i] = beta1 * m[i] + (1 - beta1) * g;
        v[i] = beta2 * v[i] + (1 - beta2) * g * g;
        w[i] = w[i] - shrink * w[i] - rate1 * m[i] / (sqrtf(v[i]) / root2 + epsilon);
    }
}

static int kernels(const struct op_call *c, const struct traits *t, struct kernel *k) {
    (void)t;
    const struct adamw_options *o = (const struct adamw_options *)c->options;
    const struct adamw_params push = {.n = (uint)tensor_elements(op_tensor(c, OP_OUT)),
                                      .decay = (uint)o->decay};
    *k = (struct kernel){.shader = "adamw_fwd",
                         .n_bindings = 6,
                         .binding = {OP_IN + GRADIENT, OP_IN + NORM, OP_IN + NUMBERS, OP_OUT,
                                     OP_OUT + 1, OP_OUT + 2}};
    kernel_groups(k, tensor_elements(op_tensor(c, OP_OUT)), 256);
    kernel_push(k, &push, sizeof push);
    return 1;
}

static double flops(const struct op_call *c) {
    return 16.0 * (double)tensor_elements(op_tensor(c, OP_OUT));
}

const struct op op_adamw = {
    .name = "adamw",
    .n_inputs = 6,
    .n_outputs = 3,
    .shape = shape,
    .forward = forward,
    .each_number = true,
    .kernels = kernels,
    .flops = flops,
};

void adamw_update(struct graph *g, struct adamw_tensors t, struct adamw_options options) {
    graph_update(g, OP_adamw,
                 (int[OP_INPUTS]){t.gradient, t.norm, t.numbers, t.parameter, t.first, t.second},
                 (int[OP_OUTPUTS]){t.parameter, t.first, t.second}, &options, sizeof options);
}
