#include "models/ops/clamp.h"

#include "shaders/params/clamp.h"

static enum status shape(struct op_call *c, struct error *e) {
    const struct clamp_options *o = (const struct clamp_options *)c->options;
    if (op_tensor(c, OP_IN)->type != TENSOR_F32)
        return fail(e, STATUS_BAD_ARG, "clamp: x; expected float numbers, found another type");
    if (!(o->low <= o->high))
        return fail(e, STATUS_BAD_ARG, "clamp: limits; expected low <= high, found %g and %g",
                    (double)o->low, (double)o->high);
    c->slot[OP_OUT].tensor = *op_tensor(c, OP_IN);
    return STATUS_OK;
}

/* Both comparisons are false for NaN, so NaN stays. */
static void forward(const struct op_call *c) {
    const struct clamp_options *o = (const struct clamp_options *)c->options;
    const int64_t n = tensor_elements(op_tensor(c, OP_OUT));
    float *x = op_f32(c, OP_OUT);
    for (int64_t i = 0; i < n; i++) x[i] = x[i] < o->low ? o->low : x[i] > o->high ? o->high : x[i];
}

static int kernels(const struct op_call *c, const struct traits *t, struct kernel *k) {
    (void)t;
    const struct clamp_options *o = (const struct clamp_options *)c->options;
    const struct clamp_params push = {
        .n = (uint)tensor_elements(op_tensor(c, OP_OUT)), .low = o->low, .high = o->high};
    *k = (struct kernel){.shader = "clamp_fwd", .n_bindings = 1, .binding = {OP_OUT}};
    kernel_groups(k, tensor_elements(op_tensor(c, OP_OUT)), 256);
    kernel_push(k, &push, sizeof push);
    return 1;
}

static double flops(const struct op_call *c) {
    return 2.0 * (double)tensor_elements(op_tensor(c, OP_OUT));
}

const struct op op_clamp = {
    .name = "clamp",
    .n_inputs = 1,
    .n_outputs = 1,
    .shape = shape,
    .forward = forward,
    .kernels = kernels,
    .flops = flops,
};

void clamp_update(struct graph *g, int x, struct clamp_options options) {
    graph_update(g, OP_clamp,
                 (int[OP_INPUTS]){x, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE},
                 (int[OP_OUTPUTS]){x, GRAPH_NONE, GRAPH_NONE}, &options, sizeof options);
}
