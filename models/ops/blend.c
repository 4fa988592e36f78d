#include "models/ops/blend.h"

#include "shaders/params/blend.h"

static enum status shape(struct op_call *c, struct error *e) {
    const struct tensor *state = op_tensor(c, OP_IN), *x = op_tensor(c, OP_IN + 1);
    const struct tensor *keep = op_tensor(c, OP_IN + 2);
    if (state->type != TENSOR_F32 || x->type != TENSOR_F32 ||
        tensor_elements(state) != tensor_elements(x))
        return fail(e, STATUS_BAD_ARG, "blend: x; expected %lld float numbers, found %lld",
                    (long long)tensor_elements(state), (long long)tensor_elements(x));
    if (keep->type != TENSOR_F32 || tensor_elements(keep) != 1)
        return fail(e, STATUS_BAD_ARG, "blend: keep; expected one float number, found %lld",
                    (long long)tensor_elements(keep));
    c->slot[OP_OUT].tensor = *state;
    return STATUS_OK;
}

static void forward(const struct op_call *c) {
    const int64_t n = tensor_elements(op_tensor(c, OP_OUT));
    const float keep = *op_f32(c, OP_IN + 2), *x = op_f32(c, OP_IN + 1);
    float *state = op_f32(c, OP_OUT);
    for (int64_t i = 0; i < n; i++) state[i] = keep * state[i] + (1 - keep) * x[i];
}

static int kernels(const struct op_call *c, const struct traits *t, struct kernel *k) {
    (void)t;
    const struct blend_params push = {.n = (uint)tensor_elements(op_tensor(c, OP_OUT))};
    *k = (struct kernel){
        .shader = "blend_fwd", .n_bindings = 3, .binding = {OP_IN + 1, OP_IN + 2, OP_OUT}};
    kernel_groups(k, tensor_elements(op_tensor(c, OP_OUT)), 256);
    kernel_push(k, &push, sizeof push);
    return 1;
}

static double flops(const struct op_call *c) {
    return 3.0 * (double)tensor_elements(op_tensor(c, OP_OUT));
}

const struct op op_blend = {
    .name = "blend",
    .n_inputs = 3,
    .n_outputs = 1,
    .shape = shape,
    .forward = forward,
    .each_number = true,
    .kernels = kernels,
    .flops = flops,
};

void blend_update(struct graph *g, int state, int x, int keep) {
    graph_update(g, OP_blend, (int[OP_INPUTS]){state, x, keep, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE},
                 (int[OP_OUTPUTS]){state, GRAPH_NONE, GRAPH_NONE}, NULL, 0);
}
