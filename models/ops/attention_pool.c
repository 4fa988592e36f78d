#include "models/ops/attention_pool.h"

#include "models/ops/op_kernels.h"

#include <math.h>
#include <string.h>

enum { LATENT, QKV };

struct sizes {
    int64_t batch, tokens, channels, heads, head; /* head: its size D */
    float scale;
};

static struct sizes sizes_of(const struct op_call *c) {
    const struct tensor *qkv = op_tensor(c, OP_IN + QKV);
    struct sizes s = {.batch = qkv->shape[0],
                      .tokens = qkv->shape[1],
                      .channels = qkv->shape[2] / 3,
                      .heads = ((const struct attention_pool_options *)c->options)->heads};
    s.head = s.channels / s.heads;
    s.scale = 1 / sqrtf((float)s.head);
    return s;
}

static enum status shape(struct op_call *c, struct error *e) {
    const int heads = ((const struct attention_pool_options *)c->options)->heads;
    const struct tensor *latent = op_tensor(c, OP_IN + LATENT), *qkv = op_tensor(c, OP_IN + QKV);
    if (qkv->type != TENSOR_F32 || qkv->rank != 3)
        return fail(e, STATUS_BAD_ARG, "attention_pool: qkv; expected float (B, T, 3 C)");
    if (latent->type != TENSOR_F32 || tensor_elements(latent) != qkv->shape[2])
        return fail(e, STATUS_BAD_ARG,
                    "attention_pool: latent; expected %lld float numbers, found %lld",
                    (long long)qkv->shape[2], (long long)tensor_elements(latent));
    if (heads < 1 || qkv->shape[2] % (3 * (int64_t)heads))
        return fail(e, STATUS_BAD_ARG,
                    "attention_pool: heads; expected a divisor of the width, found %d heads for "
                    "%lld packed channels",
                    heads, (long long)qkv->shape[2]);
    c->slot[OP_OUT].tensor =
        tensor_make(TENSOR_F32, 2, (int64_t[]){qkv->shape[0], qkv->shape[2] / 3});
    c->slot[OP_SAVE].tensor = tensor_make(TENSOR_F32, 2, (int64_t[]){heads, qkv->shape[0]});
    return STATUS_OK;
}

static uint64_t backward_reads(const struct op_call *c, uint32_t wanted) {
    (void)c, (void)wanted;
    return 1u << (OP_IN + LATENT) | 1u << (OP_IN + QKV) | 1u << OP_OUT | 1u << OP_SAVE;
}

/* For the GPU: scores (H, B, T), in backward also their gradients. The CPU needs one row. */
static int64_t scratch_bytes(const struct op_call *c) {
    const struct sizes s = sizes_of(c);
    return (c->direction == OP_FORWARD ? 1 : 2) * s.batch * s.heads * s.tokens *
           (int64_t)sizeof(float);
}

/* Start of the keys of a head of a sample. */
static int64_t place_of(const struct sizes *s, int64_t b, int64_t h) {
    return (3 * b * s->tokens + 1) * s->channels + h * s->head;
}

static float dot(const float *a, const float *b, int64_t n) {
    float sum = 0;
    for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* One row of scores per sample and head, so plain loops take a small part of a tower's time. */
static void forward(const struct op_call *c) {
    const struct sizes s = sizes_of(c);
    const int64_t line = 3 * s.channels;
    float *p = op_f32(c, OP_SCRATCH);
    for (int64_t b = 0; b < s.batch; b++) {
        for (int64_t h = 0; h < s.heads; h++) {
            const float *q = op_f32(c, OP_IN + LATENT) + h * s.head;
            const float *k = op_f32(c, OP_IN + QKV) + place_of(&s, b, h), *v = k + s.channels;
            float *y = op_f32(c, OP_OUT) + b * s.channels + h * s.head;
            float largest = -INFINITY, sum = 0;
            for (int64_t t = 0; t < s.tokens; t++) {
                p[t] = dot(q, k + t * line, s.head) * s.scale;
                largest = fmaxf(largest, p[t]);
            }
            for (int64_t t = 0; t < s.tokens; t++) sum += expf(p[t] - largest);
            const float lse = largest + logf(sum);
            memset(y, 0, (size_t)s.head * sizeof *y);
            for (int64_t t = 0; t < s.tokens; t++) {
                const float probability = expf(p[t] - lse);
                for (int64_t i = 0; i < s.head; i++) y[i] += probability * v[t * line + i];
            }
            op_f32(c, OP_SAVE)[h * s.batch + b] = lse;
        }
    }
}

/* Adds to dq by sample, then by token: the order of the product on the GPU. */
static void backward(const struct op_call *c) {
    const struct sizes s = sizes_of(c);
    const int64_t line = 3 * s.channels;
    float *d_latent = op_f32(c, OP_D_IN + LATENT), *dqkv = op_f32(c, OP_D_IN + QKV);
    if (op_wants(c, LATENT) && !op_adds(c, LATENT))
        memset(d_latent, 0, (size_t)line * sizeof *d_latent);
    if (op_wants(c, QKV) && !op_adds(c, QKV))
        memset(dqkv, 0, (size_t)(s.batch * s.tokens * line) * sizeof *dqkv);
    for (int64_t b = 0; b < s.batch; b++) {
        for (int64_t h = 0; h < s.heads; h++) {
            const int64_t at = place_of(&s, b, h);
            const float *q = op_f32(c, OP_IN + LATENT) + h * s.head;
            const float *k = op_f32(c, OP_IN + QKV) + at, *v = k + s.channels;
            const float *y = op_f32(c, OP_OUT) + b * s.channels + h * s.head;
            const float *dy = op_f32(c, OP_D_OUT) + b * s.channels + h * s.head;
            const float lse = op_f32(c, OP_SAVE)[h * s.batch + b], d = dot(dy, y, s.head);
            for (int64_t t = 0; t < s.tokens; t++) {
                const float p = expf(dot(q, k + t * line, s.head) * s.scale - lse);
                const float ds = p * (dot(dy, v + t * line, s.head) - d) * s.scale;
                for (int64_t i = 0; i < s.head && op_wants(c, QKV); i++) {
                    dqkv[at + t * line + i] += ds * q[i];              /* dk = ds' q */
                    dqkv[at + s.channels + t * line + i] += p * dy[i]; /* dv = p' dy */
                }
                for (int64_t i = 0; i < s.head && op_wants(c, LATENT); i++)
                    d_latent[h * s.head + i] += ds * k[t * line + i]; /* dq = sum of ds k */
            }
        }
    }
}

static double flops(const struct op_call *c) {
    const struct sizes s = sizes_of(c);
    return (c->direction == OP_FORWARD ? 4.0 : 10.0) * (double)(s.batch * s.tokens * s.channels);
}

const struct op op_attention_pool = {
    .name = "attention_pool",
    .n_inputs = 2,
    .n_outputs = 1,
    .n_saved = 1,
    .differentiable = 3,
    .shape = shape,
    .backward_reads = backward_reads,
    .scratch_bytes = scratch_bytes,
    .forward = forward,
    .backward = backward,
    .kernels = attention_pool_kernels,
    .flops = flops,
};

int attention_pool_call(struct graph *g, int latent, int qkv, int heads) {
    const struct attention_pool_options options = {.heads = heads};
    return graph_call(g, OP_attention_pool,
                      (int[OP_INPUTS]){latent, qkv, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE},
                      &options, sizeof options);
}
