#include "models/ops/normalize.h"

#include "models/ops/op_kernels.h"
#include "shaders/params/normalize.h"

#include <math.h>

static enum status shape(struct op_call *c, struct error *e) {
    const struct tensor *x = op_tensor(c, OP_IN);
    if (x->type != TENSOR_F32 || x->rank < 1)
        return fail(e, STATUS_BAD_ARG,
                    "normalize: x; expected rows of float numbers, found type %d of rank %d",
                    (int)x->type, x->rank);
    const int64_t n = op_rows(c, OP_IN);
    c->slot[OP_OUT].tensor = *x;
    c->slot[OP_SAVE].tensor = tensor_make(TENSOR_F32, 1, &n);
    return STATUS_OK;
}

static uint64_t backward_reads(const struct op_call *c, uint32_t wanted) {
    (void)c, (void)wanted;
    return 1u << OP_OUT | 1u << OP_SAVE;
}

/* In double, so that squares of large floats do not overflow and those of small ones do not
 * vanish. */
static double dot(const float *a, const float *b, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)a[i] * b[i];
    return sum;
}

static void forward(const struct op_call *c) {
    const int64_t n = op_rows(c, OP_IN), columns = op_columns(c, OP_IN);
    float *inverse = op_f32(c, OP_SAVE);
    for (int64_t i = 0; i < n; i++) {
        const float *x = op_f32(c, OP_IN) + i * columns;
        float *y = op_f32(c, OP_OUT) + i * columns;
        const double length = sqrt(dot(x, x, columns));
        inverse[i] = (float)(1 / fmax(length, 1e-12));
        for (int64_t j = 0; j < columns; j++) y[j] = x[j] * inverse[i];
    }
}

static void backward(const struct op_call *c) {
    const int64_t n = op_rows(c, OP_IN), columns = op_columns(c, OP_IN);
    const float *inverse = op_f32(c, OP_SAVE);
    for (int64_t i = 0; i < n; i++) {
        const float *y = op_f32(c, OP_OUT) + i * columns;
        const float *dy = op_f32(c, OP_D_OUT) + i * columns;
        float *dx = op_f32(c, OP_D_IN) + i * columns;
        const float along = (float)dot(y, dy, columns), scale = inverse[i];
        if (op_adds(c, 0))
            for (int64_t j = 0; j < columns; j++) dx[j] += (dy[j] - y[j] * along) * scale;
        else
            for (int64_t j = 0; j < columns; j++) dx[j] = (dy[j] - y[j] * along) * scale;
    }
}

static int kernels(const struct op_call *c, const struct traits *t, struct kernel *k) {
    (void)t;
    const struct normalize_params push = {.rows = (uint)op_rows(c, OP_IN),
                                          .columns = (uint)op_columns(c, OP_IN),
                                          .accumulate = op_adds(c, 0),
                                          .lanes = op_kernels_lanes(op_columns(c, OP_IN))};
    *k = c->direction == OP_FORWARD
             ? (struct kernel){.shader = "normalize_fwd",
                               .n_bindings = 3,
                               .binding = {OP_IN, OP_OUT, OP_SAVE}}
             : (struct kernel){.shader = "normalize_bwd",
                               .n_bindings = 4,
                               .binding = {OP_OUT, OP_SAVE, OP_D_OUT, OP_D_IN}};
    op_kernels_row_groups(k, push.rows, push.lanes);
    kernel_push(k, &push, sizeof push);
    return 1;
}

static double flops(const struct op_call *c) {
    const double per_number = c->direction == OP_FORWARD ? 3 : 5;
    return per_number * (double)tensor_elements(op_tensor(c, OP_IN));
}

const struct op op_normalize = {
    .name = "normalize",
    .n_inputs = 1,
    .n_outputs = 1,
    .n_saved = 1,
    .differentiable = 1,
    .shape = shape,
    .backward_reads = backward_reads,
    .forward = forward,
    .backward = backward,
    .kernels = kernels,
    .flops = flops,
};

int normalize_call(struct graph *g, int x) {
    return graph_call(
        g, OP_normalize,
        (int[OP_INPUTS]){x, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE}, NULL, 0);
}
