#include "models/ops/add.h"

#include "models/ops/op_kernels.h"
#include "shaders/params/add.h"

#include <string.h>

static float scale_of(const struct op_call *c) {
    const float scale = ((const struct add_options *)c->options)->scale;
    return scale == 0 ? 1 : scale;
}

static enum status shape(struct op_call *c, struct error *e) {
    const struct tensor *a = op_tensor(c, OP_IN), *b = op_tensor(c, OP_IN + 1);
    if (a->type != TENSOR_F32 || b->type != TENSOR_F32)
        return fail(e, STATUS_BAD_ARG, "add: expected float numbers, found another type");
    if (a->rank != b->rank || memcmp(a->shape, b->shape, sizeof a->shape))
        return fail(e, STATUS_BAD_ARG, "add: expected a and b of one shape, found two");
    c->slot[OP_OUT].tensor = *a;
    return STATUS_OK;
}

static uint64_t backward_reads(const struct op_call *c, uint32_t wanted) {
    (void)c, (void)wanted;
    return 0;
}

static void forward(const struct op_call *c) {
    const int64_t n = tensor_elements(op_tensor(c, OP_OUT));
    const float *restrict a = op_f32(c, OP_IN), *restrict b = op_f32(c, OP_IN + 1);
    float *restrict y = op_f32(c, OP_OUT);
    const float scale = scale_of(c);
    for (int64_t i = 0; i < n; i++) y[i] = a[i] + scale * b[i];
}

static void backward(const struct op_call *c) {
    const int64_t n = tensor_elements(op_tensor(c, OP_D_OUT));
    const float *restrict dy = op_f32(c, OP_D_OUT);
    for (int input = 0; input < 2; input++) {
        if (!op_wants(c, input)) continue;
        const float scale = input ? scale_of(c) : 1;
        float *restrict d = op_f32(c, OP_D_IN + input);
        if (op_adds(c, input))
            for (int64_t i = 0; i < n; i++) d[i] += scale * dy[i];
        else
            for (int64_t i = 0; i < n; i++) d[i] = scale * dy[i];
    }
}

static int kernels(const struct op_call *c, const struct traits *t, struct kernel *k) {
    (void)t;
    const struct add_params push = {.n = (uint)tensor_elements(op_tensor(c, OP_IN)),
                                    .scale = scale_of(c)};
    int n_kernels = 0;
    if (c->direction == OP_FORWARD) {
        *k = (struct kernel){
            .shader = "add_fwd", .n_bindings = 3, .binding = {OP_IN, OP_IN + 1, OP_OUT}};
        kernel_groups(k, push.n, 256);
        kernel_push(k, &push, sizeof push);
        return 1;
    }
    for (int input = 0; input < 2; input++)
        if (op_wants(c, input))
            op_kernels_scale(&k[n_kernels++], OP_D_OUT, OP_D_IN + input, push.n,
                             input ? push.scale : 1, op_adds(c, input));
    return n_kernels;
}

static double flops(const struct op_call *c) {
    return 2.0 * (double)tensor_elements(op_tensor(c, OP_IN));
}

const struct op op_add = {
    .name = "add",
    .n_inputs = 2,
    .n_outputs = 1,
    .differentiable = 3,
    .shape = shape,
    .backward_reads = backward_reads,
    .forward = forward,
    .backward = backward,
    .kernels = kernels,
    .flops = flops,
};

int add_call(struct graph *g, int a, int b, float scale) {
    const struct add_options options = {.scale = scale};
    return graph_call(g, OP_add,
                      (int[OP_INPUTS]){a, b, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE},
                      &options, sizeof options);
}
