#include "models/ops/sigmoid_loss.h"

#include "models/ops/op_kernels.h"
#include "models/ops/similarity_tiles.h"

#include <math.h>
#include <string.h>

enum { U, V, LOGIT_SCALE, LOGIT_BIAS, CAPTION_ID, USABLE };

struct pairs {
    const float *u, *v, *usable;
    const int32_t *caption_id;
    float scale, bias;
    int64_t n, width;
    int64_t n_usable;
};

static struct pairs pairs_of(const struct op_call *c) {
    struct pairs p = {
        .u = op_f32(c, OP_IN + U),
        .v = op_f32(c, OP_IN + V),
        .usable = op_f32(c, OP_IN + USABLE),
        .caption_id = op_i32(c, OP_IN + CAPTION_ID),
        .scale = expf(op_f32(c, OP_IN + LOGIT_SCALE)[0]),
        .bias = op_f32(c, OP_IN + LOGIT_BIAS)[0],
        .n = op_rows(c, OP_IN + U),
        .width = op_columns(c, OP_IN + U),
    };
    for (int64_t i = 0; i < p.n; i++) p.n_usable += p.usable[i] != 0;
    return p;
}

static enum status shape(struct op_call *c, struct error *e) {
    static const char *const names[] = {"u",          "v",          "logit_scale",
                                        "logit_bias", "caption_id", "usable"};
    const struct tensor *u = op_tensor(c, OP_IN + U);
    if (u->rank != 2)
        return fail(e, STATUS_BAD_ARG, "sigmoid_loss: u; expected a matrix, found rank %d",
                    u->rank);
    const int64_t n = u->shape[0], width = u->shape[1];
    const int64_t expected[] = {n * width, n * width, 1, 1, n, n};
    for (int i = 0; i < 6; i++) {
        const struct tensor *t = op_tensor(c, OP_IN + i);
        const enum tensor_type type = i == CAPTION_ID ? TENSOR_I32 : TENSOR_F32;
        if (t->type != type || tensor_elements(t) != expected[i])
            return fail(e, STATUS_BAD_ARG,
                        "sigmoid_loss: %s; expected %lld numbers of type %d, found %lld of type %d",
                        names[i], (long long)expected[i], (int)type, (long long)tensor_elements(t),
                        (int)t->type);
    }
    c->slot[OP_OUT].tensor = tensor_make(TENSOR_F32, 0, NULL);
    return STATUS_OK;
}

static uint64_t backward_reads(const struct op_call *c, uint32_t wanted) {
    (void)c, (void)wanted;
    return 0x3fu << OP_IN;
}

/* Similarities of a tile of rows; on the GPU also one or two numbers per row. */
static int64_t scratch_bytes(const struct op_call *c) {
    return similarity_scratch(op_rows(c, OP_IN));
}

static bool is_target(const struct pairs *p, int64_t i, int64_t j) {
    return p->caption_id[i] == p->caption_id[j];
}

static void forward(const struct op_call *c) {
    const struct pairs p = pairs_of(c);
    float *s = op_f32(c, OP_SCRATCH);
    double loss = 0;
    for (int64_t first = 0; first < p.n; first += SIMILARITY_ROWS) {
        similarity_forward(c, first, 1, s);
        for (int64_t i = first; i < first + similarity_rows(p.n, first); i++) {
            for (int64_t j = 0; j < p.n; j++) {
                if (p.usable[i] == 0 || p.usable[j] == 0) continue;
                const float z = p.scale * s[(i - first) * p.n + j] + p.bias;
                loss += fmaxf(z, 0) - (is_target(&p, i, j) ? z : 0) + log1pf(expf(-fabsf(z)));
            }
        }
    }
    *op_f32(c, OP_OUT) = p.n_usable ? (float)(loss / (double)p.n_usable) : 0;
}

/* Turns row i of the similarities into row i of E; adds to the gradients of scale and bias. */
static void error_row(const struct pairs *p, int64_t i, float *row, float factor, double *d_scale,
                      double *d_bias) {
    for (int64_t j = 0; j < p->n; j++) {
        float e = 0;
        if (p->usable[i] != 0 && p->usable[j] != 0) {
            const float z = p->scale * row[j] + p->bias;
            e = factor * (1 / (1 + expf(-z)) - (is_target(p, i, j) ? 1 : 0));
            *d_scale += (double)e * (z - p->bias);
            *d_bias += e;
        }
        row[j] = e;
    }
}

static void backward(const struct op_call *c) {
    const struct pairs p = pairs_of(c);
    const float factor = p.n_usable ? op_f32(c, OP_D_OUT)[0] / (float)p.n_usable : 0;
    float *s = op_f32(c, OP_SCRATCH);
    double d_scale = 0, d_bias = 0;
    for (int64_t first = 0; first < p.n; first += SIMILARITY_ROWS) {
        const int64_t rows = similarity_rows(p.n, first);
        similarity_forward(c, first, 1, s);
        for (int64_t i = 0; i < rows; i++)
            error_row(&p, first + i, s + i * p.n, factor, &d_scale, &d_bias);
        similarity_backward(c, first, p.scale, s);
    }
    float *d = op_f32(c, OP_D_IN + LOGIT_SCALE);
    if (op_wants(c, LOGIT_SCALE)) *d = (float)d_scale + (op_adds(c, LOGIT_SCALE) ? *d : 0);
    d = op_f32(c, OP_D_IN + LOGIT_BIAS);
    if (op_wants(c, LOGIT_BIAS)) *d = (float)d_bias + (op_adds(c, LOGIT_BIAS) ? *d : 0);
}

static double similarity(const struct pairs *p, int64_t i, int64_t j) {
    double dot = 0;
    for (int64_t k = 0; k < p->width; k++)
        dot += (double)p->u[i * p->width + k] * p->v[j * p->width + k];
    return p->scale * dot;
}

static void forward_reference(const struct op_call *c) {
    const struct pairs p = pairs_of(c);
    double loss = 0;
    for (int64_t i = 0; i < p.n; i++) {
        for (int64_t j = 0; j < p.n; j++) {
            if (p.usable[i] == 0 || p.usable[j] == 0) continue;
            const double z = similarity(&p, i, j) + p.bias, y = is_target(&p, i, j) ? z : -z;
            loss += y < 0 ? log1p(exp(y)) - y : log1p(exp(-y)); /* -log sigmoid(y) */
        }
    }
    *op_f32(c, OP_OUT) = p.n_usable ? (float)(loss / (double)p.n_usable) : 0;
}

static void backward_reference(const struct op_call *c) {
    const struct pairs p = pairs_of(c);
    const double dloss = op_f32(c, OP_D_OUT)[0];
    double d_scale = 0, d_bias = 0;
    for (int input = U; input <= V; input++)
        if (op_wants(c, input) && !op_adds(c, input))
            memset(op_f32(c, OP_D_IN + input), 0, (size_t)(p.n * p.width) * sizeof(float));
    for (int64_t i = 0; i < p.n; i++) {
        for (int64_t j = 0; j < p.n; j++) {
            if (p.usable[i] == 0 || p.usable[j] == 0) continue;
            const double s = similarity(&p, i, j), target = is_target(&p, i, j) ? 1 : 0;
            const double error = dloss * (1 / (1 + exp(-s - p.bias)) - target) / (double)p.n_usable;
            d_scale += error * s;
            d_bias += error;
            for (int64_t k = 0; k < p.width && op_wants(c, U); k++)
                op_f32(c, OP_D_IN + U)[i * p.width + k] +=
                    (float)(error * p.scale * p.v[j * p.width + k]);
            for (int64_t k = 0; k < p.width && op_wants(c, V); k++)
                op_f32(c, OP_D_IN + V)[j * p.width + k] +=
                    (float)(error * p.scale * p.u[i * p.width + k]);
        }
    }
    float *d = op_f32(c, OP_D_IN + LOGIT_SCALE);
    if (op_wants(c, LOGIT_SCALE)) *d = (float)(d_scale + (op_adds(c, LOGIT_SCALE) ? *d : 0));
    d = op_f32(c, OP_D_IN + LOGIT_BIAS);
    if (op_wants(c, LOGIT_BIAS)) *d = (float)(d_bias + (op_adds(c, LOGIT_BIAS) ? *d : 0));
}

static double flops(const struct op_call *c) {
    const double n = (double)op_rows(c, OP_IN), width = (double)op_columns(c, OP_IN);
    return n * n * (c->direction == OP_FORWARD ? 2 * width + 6 : 6 * width + 8);
}

const struct op op_sigmoid_loss = {
    .name = "sigmoid_loss",
    .n_inputs = 6,
    .n_outputs = 1,
    .differentiable = 1u << U | 1u << V | 1u << LOGIT_SCALE | 1u << LOGIT_BIAS,
    .shape = shape,
    .backward_reads = backward_reads,
    .scratch_bytes = scratch_bytes,
    .forward = forward,
    .backward = backward,
    .forward_reference = forward_reference,
    .backward_reference = backward_reference,
    .kernels = sigmoid_loss_kernels,
    .parts = sigmoid_loss_parts,
    .flops = flops,
};

int sigmoid_loss_call(struct graph *g, struct sigmoid_loss_inputs in) {
    return graph_call(
        g, OP_sigmoid_loss,
        (int[OP_INPUTS]){in.u, in.v, in.logit_scale, in.logit_bias, in.caption_id, in.usable}, NULL,
        0);
}
