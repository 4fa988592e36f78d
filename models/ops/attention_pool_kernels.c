/* Matrix products around attention's softmax of rows. Scratch memory holds the scores (H, B, T); in
 * backward also their gradients. The samples of a head are contiguous, so dq is one product per
 * head. */
#include "models/ops/attention_pool.h"

#include "models/ops/gemm_kernel.h"
#include "models/ops/op_kernels.h"
#include "shaders/params/attention.h"

#include <math.h>

enum { LATENT, QKV };

struct sizes {
    uint batch, tokens, width, heads, head; /* head: its size D */
    uint scores;                            /* H B T */
    float scale;
};

static struct sizes sizes_of(const struct op_call *c) {
    const struct tensor *qkv = op_tensor(c, OP_IN + QKV);
    struct sizes s = {
        .batch = (uint)qkv->shape[0],
        .tokens = (uint)qkv->shape[1],
        .width = (uint)qkv->shape[2] / 3,
        .heads = (uint)((const struct attention_pool_options *)c->options)->heads,
    };
    s.head = s.width / s.heads;
    s.scores = s.batch * s.heads * s.tokens;
    s.scale = 1 / sqrtf((float)s.head);
    return s;
}

/* Where the numbers of a head lie in an operand: start, and strides of line, sample and head. */
struct view {
    int slot;
    uint start, line, sample, head;
};

static struct view query_view(const struct sizes *s, int slot) {
    return (struct view){slot, 0, s->width, 0, s->head};
}

static struct view row_view(const struct sizes *s, int slot) {
    return (struct view){slot, 0, s->width, s->width, s->head};
}

static struct view packed_view(const struct sizes *s, int slot, uint part) {
    return (struct view){slot, part * s->width, 3 * s->width, s->tokens * 3 * s->width, s->head};
}

static struct view scores_view(const struct sizes *s, uint number) {
    return (struct view){OP_SCRATCH, number * s->scores, s->tokens, s->tokens,
                         s->batch * s->tokens};
}

static void product(struct kernel *k, const struct traits *t, const struct sizes *s,
                    enum gemm_layout layout, struct view a, struct view b, struct view c,
                    struct gemm_params p) {
    if (!p.products) p.products = s->batch * s->heads;
    p.inner_n = s->heads;
    p.a_start = a.start, p.a_line = a.line, p.a_outer = a.sample, p.a_inner = a.head;
    p.b_start = b.start, p.b_line = b.line, p.b_outer = b.sample, p.b_inner = b.head;
    p.c_start = c.start, p.c_line = c.line, p.c_outer = c.sample, p.c_inner = c.head;
    gemm_kernel_fill(k, t, &(struct gemm_kernel){
                            .layout = layout, .a = a.slot, .b = b.slot, .c = c.slot, .params = p});
}

static void softmax(struct kernel *k, const struct traits *t, const struct sizes *s,
                    bool is_forward) {
    const struct attention_params p = {
        .rows = s->heads * s->batch,
        .tokens = s->tokens,
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

int attention_pool_kernels(const struct op_call *c, const struct traits *t, struct kernel *k) {
    const struct sizes s = sizes_of(c);
    const struct view q = query_view(&s, OP_IN + LATENT), key = packed_view(&s, OP_IN + QKV, 1),
                      value = packed_view(&s, OP_IN + QKV, 2);
    const struct view scores = scores_view(&s, 0), d_scores = scores_view(&s, 1);
    int n = 0;
    /* Both directions compute the scores in the same way, so backward has the bits that gave the
     * saved lse. */
    product(&k[n++], t, &s, GEMM_NT, q, key, scores,
            (struct gemm_params){.m = 1, .n = s.tokens, .k = s.head, .alpha = s.scale});
    if (c->direction == OP_FORWARD) {
        softmax(&k[n++], t, &s, true);
        product(&k[n++], t, &s, GEMM_NN, scores, value, row_view(&s, OP_OUT),
                (struct gemm_params){.m = 1, .n = s.head, .k = s.tokens, .alpha = 1});
        return n;
    }
    const struct view dy = row_view(&s, OP_D_OUT);
    product(&k[n++], t, &s, GEMM_NT, dy, value, d_scores,
            (struct gemm_params){.m = 1, .n = s.tokens, .k = s.head, .alpha = 1});
    softmax(&k[n++], t, &s, false);
    /* Zero the gradients of the parts that are not read. */
    for (int input = LATENT; input <= QKV; input++)
        if (op_wants(c, input) && !op_adds(c, input))
            op_kernels_fill(&k[n++], OP_D_IN + input, tensor_elements(op_tensor(c, OP_IN + input)),
                            0);
    if (op_wants(c, QKV)) {
        const struct gemm_params to_kv = {.m = s.tokens,
                                          .n = s.head,
                                          .k = 1,
                                          .alpha = 1,
                                          .flags = op_adds(c, QKV) ? GEMM_ACCUMULATE : 0};
        product(&k[n++], t, &s, GEMM_TN, scores, dy, packed_view(&s, OP_D_IN + QKV, 2), to_kv);
        product(&k[n++], t, &s, GEMM_TN, d_scores, q, packed_view(&s, OP_D_IN + QKV, 1), to_kv);
    }
    if (op_wants(c, LATENT))
        product(&k[n++], t, &s, GEMM_NN, d_scores, key, query_view(&s, OP_D_IN + LATENT),
                (struct gemm_params){.m = 1,
                                     .n = s.head,
                                     .k = s.batch * s.tokens,
                                     .products = s.heads,
                                     .alpha = 1,
                                     .flags = op_adds(c, LATENT) ? GEMM_ACCUMULATE : 0});
    return n;
}
