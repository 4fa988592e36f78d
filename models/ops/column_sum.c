#include "models/ops/column_sum.h"

#include "models/ops/op_kernels.h"

static enum status shape(struct op_call *c, struct error *e) {
    const struct tensor *x = op_tensor(c, OP_IN), *weight = op_tensor(c, OP_IN + 1);
    if (x->type != TENSOR_F32 || x->rank != 2)
        return fail(e, STATUS_BAD_ARG, "column_sum: x; expected a float matrix, found rank %d",
                    x->rank);
    if (weight->type != TENSOR_F32 || weight->rank != 1 || weight->shape[0] != x->shape[0])
        return fail(e, STATUS_BAD_ARG, "column_sum: weight; expected %lld numbers, found %lld",
                    (long long)x->shape[0], (long long)tensor_elements(weight));
    c->slot[OP_OUT].tensor = tensor_make(TENSOR_F32, 1, &x->shape[1]);
    return STATUS_OK;
}

static void forward(const struct op_call *c) {
    const int64_t n = op_rows(c, OP_IN), columns = op_columns(c, OP_IN);
    const float *x = op_f32(c, OP_IN), *weight = op_f32(c, OP_IN + 1);
    float *y = op_f32(c, OP_OUT);
    for (int64_t j = 0; j < columns; j++) y[j] = 0;
    for (int64_t i = 0; i < n; i++) {
        const float *row = x + i * columns, w = weight[i];
        if (w == 0) continue;
        for (int64_t j = 0; j < columns; j++) y[j] += w * row[j];
    }
}

static int kernels(const struct op_call *c, const struct traits *t, struct kernel *k) {
    (void)t;
    op_kernels_column_sum(k, OP_IN, OP_IN + 1, OP_OUT, op_rows(c, OP_IN), op_columns(c, OP_IN),
                          false);
    return 1;
}

static double flops(const struct op_call *c) {
    return 2.0 * (double)tensor_elements(op_tensor(c, OP_IN));
}

const struct op op_column_sum = {
    .name = "column_sum",
    .n_inputs = 2,
    .n_outputs = 1,
    .shape = shape,
    .forward = forward,
    .kernels = kernels,
    .flops = flops,
};

int column_sum_call(struct graph *g, int x, int weight) {
    return graph_call(g, OP_column_sum,
                      (int[OP_INPUTS]){x, weight, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE},
                      NULL, 0);
}
