#include "models/ops/sum_slices.h"

#include "shaders/params/sum_slices.h"

static enum status shape(struct op_call *c, struct error *e) {
    const struct tensor *x = op_tensor(c, OP_IN);
    if (x->type != TENSOR_F32 || x->rank != 2)
        return fail(e, STATUS_BAD_ARG,
                    "sum_slices: x; expected a float matrix (slices, numbers), found rank %d",
                    x->rank);
    c->slot[OP_OUT].tensor = tensor_make(TENSOR_F32, 1, &x->shape[1]);
    return STATUS_OK;
}

/* In pieces that stay in the first cache, so that y is written to memory once. */
static void forward(const struct op_call *c) {
    enum { PIECE = 4096 };
    const int64_t slices = op_rows(c, OP_IN), n = op_columns(c, OP_IN);
    const float *x = op_f32(c, OP_IN);
    float *y = op_f32(c, OP_OUT);
    for (int64_t begin = 0; begin < n; begin += PIECE) {
        const int64_t end = begin + PIECE < n ? begin + PIECE : n;
        for (int64_t i = begin; i < end; i++) y[i] = x[i];
        for (int64_t s = 1; s < slices; s++)
            for (int64_t i = begin; i < end; i++) y[i] += x[s * n + i];
    }
}

static int kernels(const struct op_call *c, struct kernel *k) {
    const struct sum_slices_params push = {.n_slices = (uint)op_rows(c, OP_IN),
                                           .n = (uint)op_columns(c, OP_IN)};
    *k = (struct kernel){.shader = "sum_slices_fwd", .n_bindings = 2, .binding = {OP_IN, OP_OUT}};
    kernel_groups(k, tensor_elements(op_tensor(c, OP_OUT)), 256);
    kernel_push(k, &push, sizeof push);
    return 1;
}

static double flops(const struct op_call *c) {
    return (double)tensor_elements(op_tensor(c, OP_IN));
}

const struct op op_sum_slices = {
    .name = "sum_slices",
    .n_inputs = 1,
    .n_outputs = 1,
    .shape = shape,
    .forward = forward,
    .kernels = kernels,
    .flops = flops,
};

void sum_slices_update(struct graph *g, int x, int y) {
    graph_update(g, OP_sum_slices,
                 (int[OP_INPUTS]){x, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE},
                 (int[OP_OUTPUTS]){y, GRAPH_NONE, GRAPH_NONE}, NULL, 0);
}
