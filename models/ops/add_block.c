#include "models/ops/add_block.h"

#include "shaders/params/add_block.h"

#include <string.h>

enum { Y, X };

static enum status shape(struct op_call *c, struct error *e) {
    const struct tensor *y = op_tensor(c, OP_IN + Y), *x = op_tensor(c, OP_IN + X);
    if (y->type != TENSOR_F32 || x->type != TENSOR_F32 ||
        tensor_elements(y) != tensor_elements(x))
        return fail(e, STATUS_BAD_ARG,
                    "add_block: x; expected %lld float numbers, found %lld of type %d",
                    (long long)tensor_elements(y), (long long)tensor_elements(x), (int)x->type);
    c->slot[OP_OUT].tensor = *y;
    return STATUS_OK;
}

static bool is_first(const struct op_call *c) {
    return ((const struct add_block_options *)c->options)->first != 0;
}

static void forward(const struct op_call *c) {
    const int64_t n = tensor_elements(op_tensor(c, OP_OUT));
    const float *restrict x = op_f32(c, OP_IN + X);
    float *restrict y = op_f32(c, OP_OUT);
    if (is_first(c))
        memcpy(y, x, (size_t)n * sizeof *y);
    else
        for (int64_t i = 0; i < n; i++) y[i] += x[i];
}

static int kernels(const struct op_call *c, const struct traits *t, struct kernel *k) {
    (void)t;
    const int64_t n = tensor_elements(op_tensor(c, OP_OUT));
    const struct add_block_params push = {.n = (uint)n, .first = is_first(c)};
    *k = (struct kernel){
        .shader = "add_block_fwd", .n_bindings = 2, .binding = {OP_IN + X, OP_OUT}};
    kernel_groups(k, n, 256);
    kernel_push(k, &push, sizeof push);
    return 1;
}

static double flops(const struct op_call *c) {
    return (double)tensor_elements(op_tensor(c, OP_OUT));
}

const struct op op_add_block = {
    .name = "add_block",
    .n_inputs = 2,
    .n_outputs = 1,
    .shape = shape,
    .forward = forward,
    .each_number = true,
    .kernels = kernels,
    .flops = flops,
};

void add_block_update(struct graph *g, int y, int x, struct add_block_options options) {
    graph_update(g, OP_add_block,
                 (int[OP_INPUTS]){y, x, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE},
                 (int[OP_OUTPUTS]){y, GRAPH_NONE, GRAPH_NONE}, &options, sizeof options);
}
