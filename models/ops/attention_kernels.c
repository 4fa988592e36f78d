/* On the GPU attention is two batches of matrix products around a softmax of rows: simple, and fast
 * for the short sequences of CLIP. Scratch memory holds the scores (B, H, T, T); in backward also
 * their gradients. */
#include "models/ops/attention.h"

#include "models/ops/gemm_kernel.h"
#include "models/ops/op_kernels.h"
#include "shaders/params/attention.h"

#include <math.h>

struct sizes {
    uint batch, tokens, width, heads, head; /* head: its size D */
    uint scores;                            /* B H T T */
    bool is_causal;
    float scale;
};

static struct sizes sizes_of(const struct op_call *c) {
    const struct attention_options *o = (const struct attention_options *)c->options;
    const struct tensor *qkv = op_tensor(c, OP_IN);
    struct sizes s = {
        .batch = (uint)qkv->shape[0],
        .tokens = (uint)qkv->shape[1],
        .width = (uint)qkv->shape[2] / 3,
        .heads = (uint)o->heads,
        .is_causal = o->causal != 0,
    };
    s.head = s.width / s.heads;
    s.scores = s.batch * s.heads * s.tokens * s.tokens;
    s.scale = 1 / sqrtf((float)s.head);
    return s;
}

/* Where the numbers of a head lie in an operand: start, and strides of line, sample and head. */
struct view {
    int slot;
    uint start, line, outer, inner;
};

static struct view packed_view(const struct sizes *s, int slot, uint part) {
    return (struct view){slot, part * s->width, 3 * s->width, s->tokens * 3 * s->width, s->head};
}

static struct view output_view(const struct sizes *s, int slot) {
    return (struct view){slot, 0, s->width, s->tokens * s->width, s->head};
}

static struct view scores_view(const struct sizes *s, uint number) {
    const uint one = s->tokens * s->tokens;
    return (struct view){OP_SCRATCH, number * s->scores, s->tokens, s->heads * one, one};
}

static void product(struct kernel *k, const struct traits *t, const struct sizes *s,
                    enum gemm_layout layout, struct view a, struct view b, struct view c,
                    struct gemm_params p) {
    p.m = s->tokens;
    p.products = s->batch * s->heads;
    p.inner_n = s->heads;
    p.a_start = a.start, p.a_line = a.line, p.a_outer = a.outer, p.a_inner = a.inner;
    p.b_start = b.start, p.b_line = b.line, p.b_outer = b.outer, p.b_inner = b.inner;
    p.c_start = c.start, p.c_line = c.line, p.c_outer = c.outer, p.c_inner = c.inner;
    gemm_kernel_fill(k, t, &(struct gemm_kernel){
                            .layout = layout, .a = a.slot, .b = b.slot, .c = c.slot, .params = p});
}

static void softmax(struct kernel *k, const struct traits *t, const struct sizes *s,
                    bool is_forward) {
    const struct attention_params p = {
        .rows = s->batch * s->heads * s->tokens,
        .tokens = s->tokens,
        .causal = s->is_causal,
        .d_start = s->scores,
        .scale = s->scale,
        .lanes = op_kernels_lanes(s->tokens),
    };
    *k = (struct kernel){.shader = is_forward ? "attention_fwd" : "attention_bwd",
                         .n_bindings = 2,
                         .binding = {OP_SCRATCH, OP_SAVE}};
    op_kernels_row_groups(k, p.rows, p.lanes);
    op_kernels_row_subgroup(k, t, p.lanes,
                            is_forward ? "attention_fwd_subgroup" : "attention_bwd_subgroup");
    kernel_push(k, &p, sizeof p);
}

int attention_kernels(const struct op_call *c, const struct traits *t, struct kernel *k) {
    const struct sizes s = sizes_of(c);
    const struct view q = packed_view(&s, OP_IN, 0), key = packed_view(&s, OP_IN, 1),
                      value = packed_view(&s, OP_IN, 2);
    const struct view scores = scores_view(&s, 0), d_scores = scores_view(&s, 1);
    const struct gemm_params to_scores = {.n = s.tokens, .k = s.head, .alpha = s.scale};
    /* Both directions compute the scores in the same way, so backward has the bits that gave the
     * saved lse. */
    product(&k[0], t, &s, GEMM_NT, q, key, scores, to_scores);
    if (c->direction == OP_FORWARD) {
        softmax(&k[1], t, &s, true);
        product(&k[2], t, &s, GEMM_NN, scores, value, output_view(&s, OP_OUT),
                (struct gemm_params){.n = s.head, .k = s.tokens, .alpha = 1});
        return 3;
    }
    const struct view dy = output_view(&s, OP_D_OUT);
    const struct gemm_params to_input = {
        .n = s.head, .k = s.tokens, .alpha = 1, .flags = op_adds(c, 0) ? GEMM_ACCUMULATE : 0};
    product(&k[1], t, &s, GEMM_NT, dy, value, d_scores,
            (struct gemm_params){.n = s.tokens, .k = s.head, .alpha = 1});
    softmax(&k[2], t, &s, false);
    product(&k[3], t, &s, GEMM_TN, scores, dy, packed_view(&s, OP_D_IN, 2), to_input);
    product(&k[4], t, &s, GEMM_NN, d_scores, key, packed_view(&s, OP_D_IN, 0), to_input);
    product(&k[5], t, &s, GEMM_TN, d_scores, q, packed_view(&s, OP_D_IN, 1), to_input);
    return 6;
}

int64_t attention_kernels_scratch(const struct op_call *c) {
    const struct sizes s = sizes_of(c);
    const int64_t scores = (int64_t)s.batch * s.heads * s.tokens * s.tokens;
    return (c->direction == OP_FORWARD ? scores : 2 * scores) * (int64_t)sizeof(float);
}
