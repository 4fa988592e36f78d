#include "models/ops/linear.h"

#include "models/ops/gemm_kernel.h"
#include "models/ops/op_kernels.h"

enum {
    X = OP_IN + LINEAR_X,
    WEIGHT = OP_IN + LINEAR_WEIGHT,
    BIAS = OP_IN + LINEAR_BIAS,
    LORA_A = OP_IN + LINEAR_LORA_A,
    LORA_B = OP_IN + LINEAR_LORA_B,
    RESIDUAL = OP_IN + LINEAR_RESIDUAL,
};

struct sizes {
    uint n, in, out, rank; /* rank 0: no adapter */
    bool is_transposed;
    float scale;
};

static struct sizes sizes_of(const struct op_call *c) {
    const struct linear_options *o = (const struct linear_options *)c->options;
    const struct tensor *w = op_tensor(c, WEIGHT), *a = op_tensor(c, LORA_A);
    return (struct sizes){
        .n = (uint)op_rows(c, X),
        .in = (uint)w->shape[o->transposed ? 0 : 1],
        .out = (uint)w->shape[o->transposed ? 1 : 0],
        .rank = a->rank == 2 ? (uint)a->shape[0] : 0,
        .is_transposed = o->transposed != 0,
        .scale = o->scale,
    };
}

static uint flag(const struct op_call *c, int slot, uint bit) {
    return op_has(c, slot) ? bit : 0;
}

static uint add_flag(const struct op_call *c, int input) {
    return op_adds(c, input) ? GEMM_ACCUMULATE : 0;
}

static int forward_kernels(const struct op_call *c, const struct traits *t, struct kernel *k) {
    const struct sizes s = sizes_of(c);
    int n = 0;
    if (s.rank)
        gemm_kernel_fill(&k[n++], t, &(struct gemm_kernel){
                                      .layout = GEMM_NT,
                                      .a = X,
                                      .b = LORA_A,
                                      .c = OP_SAVE,
                                      .params = {.m = s.n, .n = s.rank, .k = s.in, .alpha = 1},
                                  });
    gemm_kernel_fill(&k[n++], t, &(struct gemm_kernel){
                                  .layout = s.is_transposed ? GEMM_NN : GEMM_NT,
                                  .a = X,
                                  .b = WEIGHT,
                                  .b_type = op_tensor(c, WEIGHT)->type,
                                  .c = OP_OUT,
                                  .bias = BIAS,
                                  .residual = RESIDUAL,
                                  .params = {.m = s.n,
                                             .n = s.out,
                                             .k = s.in,
                                             .alpha = 1,
                                             .flags = flag(c, BIAS, GEMM_BIAS) |
                                                      flag(c, RESIDUAL, GEMM_RESIDUAL)},
                              });
    if (s.rank)
        gemm_kernel_fill(&k[n++], t, &(struct gemm_kernel){
                                      .layout = GEMM_NT,
                                      .a = OP_SAVE,
                                      .b = LORA_B,
                                      .c = OP_OUT,
                                      .params = {.m = s.n,
                                                 .n = s.out,
                                                 .k = s.rank,
                                                 .alpha = s.scale,
                                                 .flags = GEMM_ACCUMULATE},
                                  });
    return n;
}

/* dx = dy W + u A, with u = scale dy B in scratch memory. dA = u' x also reads u. */
static int input_kernels(const struct op_call *c, const struct traits *t, const struct sizes *s,
                         struct kernel *k) {
    int n = 0;
    if (s->rank && (op_wants(c, LINEAR_X) || op_wants(c, LINEAR_LORA_A)))
        gemm_kernel_fill(&k[n++], t,
                         &(struct gemm_kernel){
                             .layout = GEMM_NN,
                             .a = OP_D_OUT,
                             .b = LORA_B,
                             .c = OP_SCRATCH,
                             .params = {.m = s->n, .n = s->rank, .k = s->out, .alpha = s->scale},
                         });
    if (op_wants(c, LINEAR_X))
        gemm_kernel_fill(&k[n++], t, &(struct gemm_kernel){
                                      .layout = s->is_transposed ? GEMM_NT : GEMM_NN,
                                      .a = OP_D_OUT,
                                      .b = WEIGHT,
                                      .b_type = op_tensor(c, WEIGHT)->type,
                                      .c = OP_D_IN + LINEAR_X,
                                      .params = {.m = s->n,
                                                 .n = s->in,
                                                 .k = s->out,
                                                 .alpha = 1,
                                                 .flags = add_flag(c, LINEAR_X)},
                                  });
    if (s->rank && op_wants(c, LINEAR_X))
        gemm_kernel_fill(&k[n++], t, &(struct gemm_kernel){
                                      .layout = GEMM_NN,
                                      .a = OP_SCRATCH,
                                      .b = LORA_A,
                                      .c = OP_D_IN + LINEAR_X,
                                      .params = {.m = s->n,
                                                 .n = s->in,
                                                 .k = s->rank,
                                                 .alpha = 1,
                                                 .flags = GEMM_ACCUMULATE},
                                  });
    return n;
}

/* d(left) = alpha left' right, summed over the rows of the batch. */
static void weight_kernel(const struct op_call *c, const struct traits *t, struct kernel *k,
                          uint rows, int left, uint left_width, int right, uint right_width,
                          int input, float alpha) {
    gemm_kernel_fill(k, t, &(struct gemm_kernel){
                            .layout = GEMM_TN,
                            .a = left,
                            .b = right,
                            .c = OP_D_IN + input,
                            .params = {.m = left_width,
                                       .n = right_width,
                                       .k = rows,
                                       .alpha = alpha,
                                       .flags = add_flag(c, input)},
                        });
}

static int backward_kernels(const struct op_call *c, const struct traits *t, struct kernel *k) {
    const struct sizes s = sizes_of(c);
    int n = input_kernels(c, t, &s, k);
    if (op_wants(c, LINEAR_WEIGHT) && s.is_transposed)
        weight_kernel(c, t, &k[n++], s.n, X, s.in, OP_D_OUT, s.out, LINEAR_WEIGHT, 1);
    else if (op_wants(c, LINEAR_WEIGHT))
        weight_kernel(c, t, &k[n++], s.n, OP_D_OUT, s.out, X, s.in, LINEAR_WEIGHT, 1);
    if (op_wants(c, LINEAR_BIAS))
        op_kernels_column_sum(&k[n++], OP_D_OUT, -1, OP_D_IN + LINEAR_BIAS, s.n, s.out,
                              op_adds(c, LINEAR_BIAS));
    if (op_wants(c, LINEAR_LORA_A))
        weight_kernel(c, t, &k[n++], s.n, OP_SCRATCH, s.rank, X, s.in, LINEAR_LORA_A, 1);
    if (op_wants(c, LINEAR_LORA_B))
        weight_kernel(c, t, &k[n++], s.n, OP_D_OUT, s.out, OP_SAVE, s.rank, LINEAR_LORA_B, s.scale);
    if (op_wants(c, LINEAR_RESIDUAL))
        op_kernels_scale(&k[n++], OP_D_OUT, OP_D_IN + LINEAR_RESIDUAL, (int64_t)s.n * s.out, 1,
                         op_adds(c, LINEAR_RESIDUAL));
    return n;
}

int linear_kernels(const struct op_call *c, const struct traits *t, struct kernel *k) {
    return c->direction == OP_FORWARD ? forward_kernels(c, t, k) : backward_kernels(c, t, k);
}

int64_t linear_kernels_scratch(const struct op_call *c) {
    const struct sizes s = sizes_of(c);
    return c->direction == OP_FORWARD ? 0 : (int64_t)s.n * s.rank * (int64_t)sizeof(float);
}
