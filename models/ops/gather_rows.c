#include "models/ops/gather_rows.h"

#include "models/ops/op_kernels.h"
#include "shaders/params/gather_rows.h"

#include <string.h>

static enum status shape(struct op_call *c, struct error *e) {
    const struct tensor *x = op_tensor(c, OP_IN), *index = op_tensor(c, OP_IN + 1);
    if (x->type != TENSOR_F32 || x->rank < 1)
        return fail(e, STATUS_BAD_ARG,
                    "gather_rows: x; expected rows of float numbers, found type %d of rank %d",
                    (int)x->type, x->rank);
    if (index->type != TENSOR_I32 || index->rank != 1)
        return fail(e, STATUS_BAD_ARG,
                    "gather_rows: index; expected 32-bit integers (R), found type %d of rank %d",
                    (int)index->type, index->rank);
    c->slot[OP_OUT].tensor =
        tensor_make(TENSOR_F32, 2, (int64_t[]){index->shape[0], op_columns(c, OP_IN)});
    return STATUS_OK;
}

static uint64_t backward_reads(const struct op_call *c, uint32_t wanted) {
    (void)c, (void)wanted;
    return 1u << (OP_IN + 1);
}

static void forward(const struct op_call *c) {
    const int64_t n = op_rows(c, OP_IN), columns = op_columns(c, OP_IN);
    const int64_t n_gathered = op_tensor(c, OP_IN + 1)->shape[0];
    const float *x = op_f32(c, OP_IN);
    const int32_t *index = op_i32(c, OP_IN + 1);
    float *y = op_f32(c, OP_OUT);
    for (int64_t r = 0; r < n_gathered; r++) {
        CHECK(index[r] >= 0 && index[r] < n);
        memcpy(y + r * columns, x + index[r] * columns, (size_t)columns * sizeof *y);
    }
}

static void backward(const struct op_call *c) {
    const int64_t n = op_rows(c, OP_IN), columns = op_columns(c, OP_IN);
    const int64_t n_gathered = op_tensor(c, OP_IN + 1)->shape[0];
    const int32_t *index = op_i32(c, OP_IN + 1);
    float *dx = op_f32(c, OP_D_IN);
    if (!op_adds(c, 0)) memset(dx, 0, (size_t)(n * columns) * sizeof *dx);
    for (int64_t r = 0; r < n_gathered; r++) {
        CHECK(index[r] >= 0 && index[r] < n);
        const float *dy = op_f32(c, OP_D_OUT) + r * columns;
        float *row = dx + index[r] * columns;
        for (int64_t j = 0; j < columns; j++) row[j] += dy[j];
    }
}

static int kernels(const struct op_call *c, const struct traits *t, struct kernel *k) {
    (void)t;
    const struct gather_rows_params push = {.rows = (uint)op_tensor(c, OP_IN + 1)->shape[0],
                                            .columns = (uint)op_columns(c, OP_IN)};
    int n_kernels = 0;
    if (c->direction == OP_FORWARD) {
        *k = (struct kernel){
            .shader = "gather_rows_fwd", .n_bindings = 3, .binding = {OP_IN, OP_IN + 1, OP_OUT}};
        kernel_groups(k, (int64_t)push.rows * push.columns, 256);
        kernel_push(k, &push, sizeof push);
        return 1;
    }
    if (!op_adds(c, 0))
        op_kernels_fill(&k[n_kernels++], OP_D_IN, tensor_elements(op_tensor(c, OP_IN)), 0);
    op_kernels_scatter(&k[n_kernels++], OP_IN + 1, OP_D_OUT, OP_D_IN, push.rows, push.columns,
                       op_adds(c, 0));
    return n_kernels;
}

static double flops(const struct op_call *c) {
    return c->direction == OP_FORWARD ? 0 : (double)tensor_elements(op_tensor(c, OP_OUT));
}

/* Forward reads only the gathered rows of x. */
static double bytes(const struct op_call *c) {
    const double all = op_operand_bytes(c);
    if (c->direction == OP_BACKWARD) return all;
    return all - (double)tensor_bytes(op_tensor(c, OP_IN)) +
           (double)tensor_bytes(op_tensor(c, OP_OUT));
}

const struct op op_gather_rows = {
    .name = "gather_rows",
    .n_inputs = 2,
    .n_outputs = 1,
    .differentiable = 1,
    .shape = shape,
    .backward_reads = backward_reads,
    .forward = forward,
    .backward = backward,
    .kernels = kernels,
    .flops = flops,
    .bytes = bytes,
};

int gather_rows_call(struct graph *g, int x, int index) {
    return graph_call(g, OP_gather_rows,
                      (int[OP_INPUTS]){x, index, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE},
                      NULL, 0);
}
