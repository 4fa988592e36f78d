#include "models/ops/sgd.h"

#include "shaders/params/sgd.h"

enum { GRADIENT, NORM, NUMBERS, PARAMETER, VELOCITY, INPUTS };

static enum status shape(struct op_call *c, struct error *e) {
    const int64_t n = tensor_elements(op_tensor(c, OP_IN + PARAMETER));
    static const char *const names[INPUTS] = {"gradient", "norm", "numbers", "parameter",
                                              "velocity"};
    const int64_t expected[INPUTS] = {n, 2, SGD_NUMBERS, n, n};
    for (int i = 0; i < INPUTS; i++) {
        const struct tensor *t = op_tensor(c, OP_IN + i);
        if (t->type != TENSOR_F32 || tensor_elements(t) != expected[i])
            return fail(e, STATUS_BAD_ARG,
                        "sgd: %s; expected %lld float numbers, found %lld of type %d", names[i],
                        (long long)expected[i], (long long)tensor_elements(t), (int)t->type);
    }
    for (int i = 0; i < 2; i++) c->slot[OP_OUT + i].tensor = *op_tensor(c, OP_IN + PARAMETER + i);
    return STATUS_OK;
}

static void forward(const struct op_call *c) {
    const struct sgd_options *o = (const struct sgd_options *)c->options;
    const int64_t n = tensor_elements(op_tensor(c, OP_OUT));
    const float *gradient = op_f32(c, OP_IN + GRADIENT), *numbers = op_f32(c, OP_IN + NUMBERS);
    const float factor = op_f32(c, OP_IN + NORM)[1];
    const float rate = numbers[SGD_RATE], momentum = numbers[SGD_MOMENTUM];
    const float decay = o->decay ? numbers[SGD_DECAY] : 0;
    float *restrict w = op_f32(c, OP_OUT), *restrict v = op_f32(c, OP_OUT + 1);
    if (factor == 0) return;
    for (int64_t i = 0; i < n; i++) {
        const float g = gradient[i] * factor + decay * w[i];
        v[i] = momentum * v[i] + g;
        w[i] -= rate * (o->nesterov ? g + momentum * v[i] : v[i]);
    }
}

static int kernels(const struct op_call *c, const struct traits *t, struct kernel *k) {
    (void)t;
    const struct sgd_options *o = (const struct sgd_options *)c->options;
    const struct sgd_params push = {.n = (uint)tensor_elements(op_tensor(c, OP_OUT)),
                                    .decay = (uint)o->decay,
                                    .nesterov = (uint)o->nesterov};
    *k = (struct kernel){
        .shader = "sgd_fwd",
        .n_bindings = 5,
        .binding = {OP_IN + GRADIENT, OP_IN + NORM, OP_IN + NUMBERS, OP_OUT, OP_OUT + 1}};
    kernel_groups(k, tensor_elements(op_tensor(c, OP_OUT)), 256);
    kernel_push(k, &push, sizeof push);
    return 1;
}

static double flops(const struct op_call *c) {
    return 9.0 * (double)tensor_elements(op_tensor(c, OP_OUT));
}

const struct op op_sgd = {
    .name = "sgd",
    .n_inputs = INPUTS,
    .n_outputs = 2,
    .shape = shape,
    .forward = forward,
    .each_number = true,
    .kernels = kernels,
    .flops = flops,
};

void sgd_update(struct graph *g, struct sgd_tensors t, struct sgd_options options) {
    graph_update(g, OP_sgd,
                 (int[OP_INPUTS]){t.gradient, t.norm, t.numbers, t.parameter, t.velocity,
                                  GRAPH_NONE},
                 (int[OP_OUTPUTS]){t.parameter, t.velocity, GRAPH_NONE}, &options, sizeof options);
}
