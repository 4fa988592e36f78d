#include "models/ops/attention.h"

#include "models/ops/fast_math.h"
#include "models/ops/matmul.h"
#include "models/ops/op_kernels.h"

#include <math.h>

/* Rows of scores computed at a time. A strip stays in cache; with a causal mask it computes only
 * the columns that its last row sees. */
enum { STRIP_FULL = 96, STRIP_CAUSAL = 32 };

struct sizes {
    int64_t batch, tokens, channels, heads, head; /* head: its size D */
    bool causal;
    float scale;
    int64_t strip; /* rows */
};

static struct sizes sizes_of(const struct op_call *c) {
    const struct attention_options *o = (const struct attention_options *)c->options;
    const struct tensor *qkv = op_tensor(c, OP_IN);
    struct sizes s = {.batch = qkv->shape[0],
                      .tokens = qkv->shape[1],
                      .channels = qkv->shape[2] / 3,
                      .heads = o->heads,
                      .causal = o->causal != 0};
    s.head = s.channels / s.heads;
    s.scale = 1 / sqrtf((float)s.head);
    const int64_t longest = s.causal ? STRIP_CAUSAL : STRIP_FULL;
    const int64_t strips = (s.tokens + longest - 1) / longest;
    s.strip = strips ? (s.tokens + strips - 1) / strips : 0; /* strips of nearly equal length */
    return s;
}

static enum status shape(struct op_call *c, struct error *e) {
    const struct attention_options *o = (const struct attention_options *)c->options;
    const struct tensor *qkv = op_tensor(c, OP_IN);
    if (qkv->type != TENSOR_F32 || qkv->rank != 3)
        return fail(e, STATUS_BAD_ARG, "attention: qkv; expected float (B, T, 3 C)");
    if (o->heads < 1 || qkv->shape[2] % (3 * (int64_t)o->heads))
        return fail(e, STATUS_BAD_ARG,
                    "attention: heads; expected a divisor of the width, found %d heads for %lld "
                    "packed channels",
                    (int)o->heads, (long long)qkv->shape[2]);
    c->slot[OP_OUT].tensor = *qkv;
    c->slot[OP_OUT].tensor.shape[2] = qkv->shape[2] / 3;
    c->slot[OP_SAVE].tensor =
        tensor_make(TENSOR_F32, 3, (int64_t[]){qkv->shape[0], o->heads, qkv->shape[1]});
    return STATUS_OK;
}

static uint64_t backward_reads(const struct op_call *c, uint32_t wanted) {
    (void)c, (void)wanted;
    return 1u << OP_IN | 1u << OP_OUT | 1u << OP_SAVE;
}

static int64_t scratch_bytes(const struct op_call *c) {
    const struct sizes s = sizes_of(c);
    const int64_t matrices = c->direction == OP_FORWARD ? 1 : 2;
    const int64_t here = matrices * s.strip * s.tokens * (int64_t)sizeof(float);
    const int64_t on_gpu = attention_kernels_scratch(c);
    return here > on_gpu ? here : on_gpu;
}

/* Start of a head of a sample, in rows of `line` numbers. */
static int64_t place_of(const struct sizes *s, int64_t b, int64_t h, int64_t line) {
    return b * s->tokens * line + h * s->head;
}

static int64_t seen(const struct sizes *s, int64_t t) {
    return s->causal ? t + 1 : s->tokens;
}

static float plain_dot(const float *a, const float *b, int64_t n) {
    float sum = 0;
    for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

static void forward_reference(const struct op_call *c) {
    const struct sizes s = sizes_of(c);
    const int64_t line = 3 * s.channels;
    float *p = op_f32(c, OP_SCRATCH);
    for (int64_t b = 0; b < s.batch; b++) {
        for (int64_t h = 0; h < s.heads; h++) {
            const float *q = op_f32(c, OP_IN) + place_of(&s, b, h, line);
            const float *k = q + s.channels, *v = k + s.channels;
            float *y = op_f32(c, OP_OUT) + place_of(&s, b, h, s.channels);
            for (int64_t t = 0; t < s.tokens; t++) {
                float largest = -INFINITY, sum = 0;
                for (int64_t j = 0; j < seen(&s, t); j++) { /* scores q k' / sqrt(D) */
                    p[j] = plain_dot(q + t * line, k + j * line, s.head) * s.scale;
                    largest = fmaxf(largest, p[j]);
                }
                for (int64_t j = 0; j < seen(&s, t); j++) sum += expf(p[j] - largest);
                const float lse = largest + logf(sum);
                for (int64_t i = 0; i < s.head; i++) { /* y = P v */
                    float value = 0;
                    for (int64_t j = 0; j < seen(&s, t); j++)
                        value += expf(p[j] - lse) * v[j * line + i];
                    y[t * s.channels + i] = value;
                }
                op_f32(c, OP_SAVE)[(b * s.heads + h) * s.tokens + t] = lse;
            }
        }
    }
}

static void backward_reference(const struct op_call *c) {
    const struct sizes s = sizes_of(c);
    const int64_t line = 3 * s.channels;
    float *dqkv = op_f32(c, OP_D_IN);
    for (int64_t i = 0; i < s.batch * s.tokens * line && !op_adds(c, 0); i++) dqkv[i] = 0;
    for (int64_t b = 0; b < s.batch; b++) {
        for (int64_t h = 0; h < s.heads; h++) {
            const float *q = op_f32(c, OP_IN) + place_of(&s, b, h, line);
            const float *k = q + s.channels, *v = k + s.channels;
            const float *y = op_f32(c, OP_OUT) + place_of(&s, b, h, s.channels);
            const float *dy = op_f32(c, OP_D_OUT) + place_of(&s, b, h, s.channels);
            const float *lse = op_f32(c, OP_SAVE) + (b * s.heads + h) * s.tokens;
            float *dq = dqkv + place_of(&s, b, h, line);
            float *dk = dq + s.channels, *dv = dk + s.channels;
            for (int64_t t = 0; t < s.tokens; t++) {
                const float *dy_t = dy + t * s.channels;
                const float d = plain_dot(dy_t, y + t * s.channels, s.head); /* row sum of dy y */
                for (int64_t j = 0; j < seen(&s, t); j++) {
                    const float score = plain_dot(q + t * line, k + j * line, s.head) * s.scale;
                    const float p = expf(score - lse[t]);
                    const float ds = p * (plain_dot(dy_t, v + j * line, s.head) - d) * s.scale;
                    for (int64_t i = 0; i < s.head; i++) {
                        dv[j * line + i] += p * dy_t[i];           /* dv = P' dy */
                        dq[t * line + i] += ds * k[j * line + i]; /* dq = dS k */
                        dk[j * line + i] += ds * q[t * line + i]; /* dk = dS' q */
                    }
                }
            }
        }
    }
}

/* Turns scores into probabilities, in place, and sets lse, for the rows of a strip from `first`; p
 * (rows, columns). */
FAST_MATH_CLONES static void softmax(float *p, float *lse, const struct sizes *s, int64_t first,
                                     int64_t rows, int64_t columns) {
    for (int64_t r = 0; r < rows; r++, p += columns) {
        const int64_t n = s->causal ? first + r + 1 : columns;
        const float largest = fast_math_largest(p, n);
        for (int64_t j = 0; j < n; j++) p[j] = fast_math_exp(p[j] - largest);
        const float sum = fast_math_sum(p, n), inverse = 1 / sum;
        for (int64_t j = 0; j < n; j++) p[j] *= inverse;
        for (int64_t j = n; j < columns; j++) p[j] = 0;
        lse[r] = largest + logf(sum);
    }
}

static void forward(const struct op_call *c) {
    const struct sizes s = sizes_of(c);
    const int64_t line = 3 * s.channels;
    float *p = op_f32(c, OP_SCRATCH);
    for (int64_t item = 0; item < s.batch * s.heads; item++) {
        const int64_t b = item / s.heads, h = item % s.heads;
        const float *q = op_f32(c, OP_IN) + place_of(&s, b, h, line);
        const float *k = q + s.channels, *v = k + s.channels;
        float *y = op_f32(c, OP_OUT) + place_of(&s, b, h, s.channels);
        float *lse = op_f32(c, OP_SAVE) + item * s.tokens;
        for (int64_t first = 0; first < s.tokens; first += s.strip) {
            const int64_t left = s.tokens - first, rows = left < s.strip ? left : s.strip;
            const int64_t columns = seen(&s, first + rows - 1);
            /* scores = q k' / sqrt(D) */
            matmul(&(struct matmul){.m = rows,
                                    .n = columns,
                                    .k = s.head,
                                    .a = q + first * line,
                                    .lda = line,
                                    .b = k,
                                    .ldb = line,
                                    .b_transposed = true,
                                    .c = p,
                                    .alpha = s.scale});
            softmax(p, lse + first, &s, first, rows, columns);
            /* y = P v */
            matmul(&(struct matmul){.m = rows,
                                    .n = s.head,
                                    .k = columns,
                                    .a = p,
                                    .b = v,
                                    .ldb = line,
                                    .c = y + first * s.channels,
                                    .ldc = s.channels,
                                    .alpha = 1});
        }
    }
}

/* Turns a strip's scores p into probabilities and its dp = dy v' into dS, in place. */
FAST_MATH_CLONES static void softmax_backward(float *restrict p, float *restrict dp,
                                              const float *lse, const float *y, const float *dy,
                                              const struct sizes *s, int64_t first, int64_t rows,
                                              int64_t columns) {
    for (int64_t r = 0; r < rows; r++, p += columns, dp += columns) {
        const int64_t n = s->causal ? first + r + 1 : columns;
        const float d = fast_math_dot(y + r * s->channels, dy + r * s->channels, s->head);
        for (int64_t j = 0; j < n; j++) {
            p[j] = fast_math_exp(p[j] - lse[r]);
            dp[j] = p[j] * (dp[j] - d) * s->scale;
        }
        for (int64_t j = n; j < columns; j++) p[j] = dp[j] = 0;
    }
}

/* One strip of one head. The strip of the last rows runs first: it sees all keys, so it overwrites
 * their gradients (unless add_keys), and the other strips add. */
struct strip {
    const float *q, *k, *v, *y, *dy, *lse;
    float *dq, *dk, *dv, *p, *dp;
    int64_t first, rows;
    bool add, add_keys;
};

static void backward_strip(const struct strip *x, const struct sizes *s) {
    const int64_t line = 3 * s->channels, columns = seen(s, x->first + x->rows - 1);
    const float *q = x->q + x->first * line, *dy = x->dy + x->first * s->channels;
    /* scores = q k' / sqrt(D) */
    struct matmul m = {.m = x->rows,
                       .n = columns,
                       .k = s->head,
                       .a = q,
                       .lda = line,
                       .b = x->k,
                       .ldb = line,
                       .b_transposed = true,
                       .c = x->p,
                       .alpha = s->scale};
    matmul(&m);
    /* dP = dy v' */
    m.a = dy, m.lda = s->channels, m.b = x->v, m.c = x->dp, m.alpha = 1;
    matmul(&m);
    softmax_backward(x->p, x->dp, x->lse + x->first, x->y + x->first * s->channels, dy, s, x->first,
                     x->rows, columns);
    /* dq = dS k */
    matmul(&(struct matmul){.m = x->rows,
                            .n = s->head,
                            .k = columns,
                            .a = x->dp,
                            .b = x->k,
                            .ldb = line,
                            .c = x->dq + x->first * line,
                            .ldc = line,
                            .alpha = 1,
                            .beta = x->add});
    /* dk = dS' q */
    m = (struct matmul){.m = columns,
                        .n = s->head,
                        .k = x->rows,
                        .a = x->dp,
                        .a_transposed = true,
                        .b = q,
                        .ldb = line,
                        .c = x->dk,
                        .ldc = line,
                        .alpha = 1,
                        .beta = x->add_keys};
    matmul(&m);
    /* dv = P' dy */
    m.a = x->p, m.b = dy, m.ldb = s->channels, m.c = x->dv;
    matmul(&m);
}

static void backward(const struct op_call *c) {
    const struct sizes s = sizes_of(c);
    const int64_t line = 3 * s.channels, strips = (s.tokens + s.strip - 1) / s.strip;
    for (int64_t item = 0; item < s.batch * s.heads; item++) {
        const int64_t at = place_of(&s, item / s.heads, item % s.heads, line);
        const int64_t at_y = place_of(&s, item / s.heads, item % s.heads, s.channels);
        struct strip x = {.q = op_f32(c, OP_IN) + at,
                          .dq = op_f32(c, OP_D_IN) + at,
                          .y = op_f32(c, OP_OUT) + at_y,
                          .dy = op_f32(c, OP_D_OUT) + at_y,
                          .lse = op_f32(c, OP_SAVE) + item * s.tokens,
                          .p = op_f32(c, OP_SCRATCH),
                          .dp = op_f32(c, OP_SCRATCH) + s.strip * s.tokens,
                          .add = op_adds(c, 0)};
        x.k = x.q + s.channels, x.v = x.k + s.channels;
        x.dk = x.dq + s.channels, x.dv = x.dk + s.channels;
        for (int64_t i = strips - 1; i >= 0; i--) {
            x.first = i * s.strip;
            x.rows = s.tokens - x.first < s.strip ? s.tokens - x.first : s.strip;
            x.add_keys = x.add || i < strips - 1;
            backward_strip(&x, &s);
        }
    }
}

static double flops(const struct op_call *c) {
    const struct sizes s = sizes_of(c);
    const double pairs = (double)s.tokens * (double)(s.causal ? s.tokens + 1 : 2 * s.tokens) / 2;
    return (c->direction == OP_FORWARD ? 2 : 5) * 2.0 * pairs * (double)(s.batch * s.channels);
}

const struct op op_attention = {
    .name = "attention",
    .n_inputs = 1,
    .n_outputs = 1,
    .n_saved = 1,
    .differentiable = 1,
    .shape = shape,
    .backward_reads = backward_reads,
    .scratch_bytes = scratch_bytes,
    .forward = forward,
    .backward = backward,
    .forward_reference = forward_reference,
    .backward_reference = backward_reference,
    .kernels = attention_kernels,
    .flops = flops,
};

int attention_call(struct graph *g, int qkv, struct attention_options options) {
    return graph_call(
        g, OP_attention,
        (int[OP_INPUTS]){qkv, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE}, &options,
        sizeof options);
}
