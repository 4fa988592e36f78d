#include "models/ops/pack_rows.h"

#include "shaders/params/pack_rows.h"

#include <string.h>

static const struct pack_rows_options *options_of(const struct op_call *c) {
    return (const struct pack_rows_options *)c->options;
}

static enum status shape(struct op_call *c, struct error *e) {
    const struct pack_rows_options *o = options_of(c);
    const struct tensor *x = op_tensor(c, OP_IN);
    if (x->type != TENSOR_F32 || x->rank != 2)
        return fail(e, STATUS_BAD_ARG,
                    "pack_rows: x; expected float numbers (S, stride), found type %d of rank %d",
                    (int)x->type, x->rank);
    if (o->n_rows <= 0 || o->n_columns <= 0 || (int64_t)o->n_rows * o->n_columns > x->shape[1])
        return fail(e, STATUS_BAD_ARG,
                    "pack_rows: rows of a slice; expected at most %lld numbers, found %d rows of "
                    "%d",
                    (long long)x->shape[1], o->n_rows, o->n_columns);
    c->slot[OP_OUT].tensor =
        tensor_make(TENSOR_F32, 2, (int64_t[]){x->shape[0] * o->n_rows, o->n_columns});
    return STATUS_OK;
}

static uint64_t backward_reads(const struct op_call *c, uint32_t wanted) {
    (void)c, (void)wanted;
    return 0;
}

static void forward(const struct op_call *c) {
    const struct tensor *x = op_tensor(c, OP_IN);
    const int64_t n = (int64_t)options_of(c)->n_rows * options_of(c)->n_columns;
    for (int64_t s = 0; s < x->shape[0]; s++)
        memcpy(op_f32(c, OP_OUT) + s * n, op_f32(c, OP_IN) + s * x->shape[1],
               (size_t)n * sizeof(float));
}

static void backward(const struct op_call *c) {
    const struct tensor *x = op_tensor(c, OP_IN);
    const int64_t n = (int64_t)options_of(c)->n_rows * options_of(c)->n_columns;
    for (int64_t s = 0; s < x->shape[0]; s++) {
        const float *dy = op_f32(c, OP_D_OUT) + s * n;
        float *dx = op_f32(c, OP_D_IN) + s * x->shape[1];
        if (op_adds(c, 0))
            for (int64_t i = 0; i < n; i++) dx[i] += dy[i];
        else
            memcpy(dx, dy, (size_t)n * sizeof *dx);
    }
}

static int kernels(const struct op_call *c, const struct traits *t, struct kernel *k) {
    (void)t;
    const struct pack_rows_options *o = (const struct pack_rows_options *)c->options;
    const struct pack_rows_params push = {
        .n = (uint)(op_rows(c, OP_IN) * o->n_rows * o->n_columns),
        .slice = (uint)(o->n_rows * o->n_columns),
        .stride = (uint)op_columns(c, OP_IN),
        .accumulate = op_adds(c, 0),
    };
    *k = c->direction == OP_FORWARD ? (struct kernel){.shader = "pack_rows_fwd",
                                                      .n_bindings = 2,
                                                      .binding = {OP_IN, OP_OUT}}
                                    : (struct kernel){.shader = "pack_rows_bwd",
                                                      .n_bindings = 2,
                                                      .binding = {OP_D_OUT, OP_D_IN}};
    kernel_groups(k, push.n, 256);
    kernel_push(k, &push, sizeof push);
    return 1;
}

static double flops(const struct op_call *c) {
    return c->direction == OP_FORWARD ? 0 : (double)tensor_elements(op_tensor(c, OP_OUT));
}

const struct op op_pack_rows = {
    .name = "pack_rows",
    .n_inputs = 1,
    .n_outputs = 1,
    .differentiable = 1,
    .shape = shape,
    .backward_reads = backward_reads,
    .forward = forward,
    .backward = backward,
    .kernels = kernels,
    .flops = flops,
};

int pack_rows_call(struct graph *g, int x, struct pack_rows_options options) {
    return graph_call(
        g, OP_pack_rows,
        (int[OP_INPUTS]){x, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE}, &options,
        sizeof options);
}
