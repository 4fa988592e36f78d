#include "models/ops/layer_scale.h"

#include "models/ops/op_kernels.h"
#include "shaders/params/layer_scale.h"

#include <string.h>

enum { X, Z, GAMMA, COLUMNS_PER_GROUP = 32 /* COLUMN_WIDTH of shaders/common/column.glsl */ };

static enum status shape(struct op_call *c, struct error *e) {
    const struct tensor *x = op_tensor(c, OP_IN + X), *z = op_tensor(c, OP_IN + Z);
    const struct tensor *gamma = op_tensor(c, OP_IN + GAMMA);
    if (x->type != TENSOR_F32 || z->type != TENSOR_F32 || x->rank < 1 || x->rank != z->rank ||
        memcmp(x->shape, z->shape, sizeof x->shape))
        return fail(e, STATUS_BAD_ARG,
                    "layer_scale: x and z; expected float numbers of one shape, found two");
    if (gamma->type != TENSOR_F32 || tensor_elements(gamma) != op_columns(c, OP_IN + X))
        return fail(e, STATUS_BAD_ARG,
                    "layer_scale: gamma; expected %lld float numbers, found %lld",
                    (long long)op_columns(c, OP_IN + X), (long long)tensor_elements(gamma));
    c->slot[OP_OUT].tensor = *x;
    return STATUS_OK;
}

static uint64_t backward_reads(const struct op_call *c, uint32_t wanted) {
    (void)c;
    return (wanted & 1u << Z ? 1u << (OP_IN + GAMMA) : 0) |
           (wanted & 1u << GAMMA ? 1u << (OP_IN + Z) : 0);
}

static void forward(const struct op_call *c) {
    const int64_t rows = op_rows(c, OP_IN + X), columns = op_columns(c, OP_IN + X);
    const float *restrict gamma = op_f32(c, OP_IN + GAMMA);
    for (int64_t i = 0; i < rows; i++) {
        const float *restrict x = op_f32(c, OP_IN + X) + i * columns;
        const float *restrict z = op_f32(c, OP_IN + Z) + i * columns;
        float *restrict y = op_f32(c, OP_OUT) + i * columns;
        for (int64_t j = 0; j < columns; j++) y[j] = x[j] + gamma[j] * z[j];
    }
}

static void backward(const struct op_call *c) {
    const int64_t rows = op_rows(c, OP_D_OUT), columns = op_columns(c, OP_D_OUT);
    float *restrict dgamma = op_f32(c, OP_D_IN + GAMMA);
    if (op_wants(c, GAMMA) && !op_adds(c, GAMMA))
        memset(dgamma, 0, (size_t)columns * sizeof *dgamma);
    for (int64_t i = 0; i < rows; i++) {
        const float *restrict dy = op_f32(c, OP_D_OUT) + i * columns;
        if (op_wants(c, X)) {
            float *restrict dx = op_f32(c, OP_D_IN + X) + i * columns;
            for (int64_t j = 0; j < columns; j++) dx[j] = op_adds(c, X) ? dx[j] + dy[j] : dy[j];
        }
        if (op_wants(c, Z)) {
            const float *restrict gamma = op_f32(c, OP_IN + GAMMA);
            float *restrict dz = op_f32(c, OP_D_IN + Z) + i * columns;
            for (int64_t j = 0; j < columns; j++)
                dz[j] = op_adds(c, Z) ? dz[j] + dy[j] * gamma[j] : dy[j] * gamma[j];
        }
        if (op_wants(c, GAMMA)) {
            const float *restrict z = op_f32(c, OP_IN + Z) + i * columns;
            for (int64_t j = 0; j < columns; j++) dgamma[j] += dy[j] * z[j];
        }
    }
}

static int kernels(const struct op_call *c, const struct traits *t, struct kernel *k) {
    (void)t;
    struct layer_scale_params p = {.rows = (uint)op_rows(c, OP_IN + X),
                                   .columns = (uint)op_columns(c, OP_IN + X)};
    const int64_t elements = (int64_t)p.rows * p.columns;
    int n = 0;
    if (c->direction == OP_FORWARD) {
        *k = (struct kernel){.shader = "layer_scale_fwd",
                             .n_bindings = 4,
                             .binding = {OP_IN + X, OP_IN + Z, OP_IN + GAMMA, OP_OUT}};
        kernel_groups(k, elements, 256);
        kernel_push(k, &p, sizeof p);
        return 1;
    }
    if (op_wants(c, X))
        op_kernels_scale(&k[n++], OP_D_OUT, OP_D_IN + X, elements, 1, op_adds(c, X));
    if (op_wants(c, Z)) {
        p.accumulate = op_adds(c, Z);
        k[n] = (struct kernel){.shader = "layer_scale_bwd",
                               .n_bindings = 3,
                               .binding = {OP_IN + GAMMA, OP_D_OUT, OP_D_IN + Z}};
        kernel_groups(&k[n], elements, 256);
        kernel_push(&k[n++], &p, sizeof p);
    }
    if (op_wants(c, GAMMA)) {
        p.accumulate = op_adds(c, GAMMA);
        k[n] = (struct kernel){.shader = "layer_scale_bwd_columns",
                               .n_bindings = 3,
                               .binding = {OP_IN + Z, OP_D_OUT, OP_D_IN + GAMMA}};
        kernel_groups(&k[n], p.columns, COLUMNS_PER_GROUP);
        kernel_push(&k[n++], &p, sizeof p);
    }
    return n;
}

static double flops(const struct op_call *c) {
    return (c->direction == OP_FORWARD ? 2.0 : 3.0) *
           (double)tensor_elements(op_tensor(c, OP_IN + X));
}

const struct op op_layer_scale = {
    .name = "layer_scale",
    .n_inputs = 3,
    .n_outputs = 1,
    .differentiable = 7,
    .shape = shape,
    .backward_reads = backward_reads,
    .forward = forward,
    .backward = backward,
    .kernels = kernels,
    .flops = flops,
};

int layer_scale_call(struct graph *g, int x, int z, int gamma) {
    return graph_call(g, OP_layer_scale,
                      (int[OP_INPUTS]){x, z, gamma, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE}, NULL, 0);
}
