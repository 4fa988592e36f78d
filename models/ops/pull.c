#include "models/ops/pull.h"

#include "shaders/params/pull.h"

enum { GRADIENT, W, FACTOR, ANCHOR };

static enum status shape(struct op_call *c, struct error *e) {
    static const char *const names[] = {"gradient", "w", "factor", "anchor"};
    const int64_t n = tensor_elements(op_tensor(c, OP_IN + GRADIENT));
    const int n_inputs = op_has(c, OP_IN + ANCHOR) ? 4 : 3;
    for (int i = 0; i < n_inputs; i++) {
        const struct tensor *t = op_tensor(c, OP_IN + i);
        const int64_t expected = i == FACTOR ? 1 : n;
        if (t->type != TENSOR_F32 || tensor_elements(t) != expected)
            return fail(e, STATUS_BAD_ARG,
                        "pull: %s; expected %lld float numbers, found %lld of type %d", names[i],
                        (long long)expected, (long long)tensor_elements(t), (int)t->type);
    }
    c->slot[OP_OUT].tensor = *op_tensor(c, OP_IN + GRADIENT);
    return STATUS_OK;
}

static void forward(const struct op_call *c) {
    const int64_t n = tensor_elements(op_tensor(c, OP_OUT));
    const float factor = *op_f32(c, OP_IN + FACTOR), *w = op_f32(c, OP_IN + W);
    const float *anchor = op_has(c, OP_IN + ANCHOR) ? op_f32(c, OP_IN + ANCHOR) : NULL;
    float *g = op_f32(c, OP_OUT);
    if (anchor)
        for (int64_t i = 0; i < n; i++) g[i] += factor * (w[i] - anchor[i]);
    else
        for (int64_t i = 0; i < n; i++) g[i] += factor * w[i];
}

static int kernels(const struct op_call *c, const struct traits *t, struct kernel *k) {
    (void)t;
    const struct pull_params push = {.n = (uint)tensor_elements(op_tensor(c, OP_OUT)),
                                     .has_anchor = op_has(c, OP_IN + ANCHOR)};
    *k = (struct kernel){.shader = "pull_fwd",
                         .n_bindings = 4,
                         .binding = {OP_IN + W, OP_IN + FACTOR, OP_IN + ANCHOR, OP_OUT}};
    kernel_groups(k, tensor_elements(op_tensor(c, OP_OUT)), 256);
    kernel_push(k, &push, sizeof push);
    return 1;
}

static double flops(const struct op_call *c) {
    return 3.0 * (double)tensor_elements(op_tensor(c, OP_OUT));
}

const struct op op_pull = {
    .name = "pull",
    .n_inputs = 4,
    .n_outputs = 1,
    .optional_inputs = 1u << ANCHOR,
    .shape = shape,
    .forward = forward,
    .each_number = true,
    .kernels = kernels,
    .flops = flops,
};

void pull_update(struct graph *g, int gradient, int w, int factor, int anchor) {
    graph_update(g, OP_pull,
                 (int[OP_INPUTS]){gradient, w, factor, anchor, GRAPH_NONE, GRAPH_NONE},
                 (int[OP_OUTPUTS]){gradient, GRAPH_NONE, GRAPH_NONE}, NULL, 0);
}
