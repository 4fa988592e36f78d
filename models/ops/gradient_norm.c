#include "models/ops/gradient_norm.h"

#include "shaders/params/gradient_norm.h"

#include <math.h>

enum { BLOCK = GRADIENT_NORM_BLOCK, LEVELS_MAX = 5 /* 1024^5 numbers */, PIECE_BLOCKS = 64 };

static enum status shape(struct op_call *c, struct error *e) {
    const struct tensor *gradients = op_tensor(c, OP_IN), *limit = op_tensor(c, OP_IN + 1);
    const int64_t two = 2;
    if (gradients->type != TENSOR_F32)
        return fail(e, STATUS_BAD_ARG,
                    "gradient_norm: gradients; expected float numbers, found another type");
    if (limit->type != TENSOR_F32 || tensor_elements(limit) != 1)
        return fail(e, STATUS_BAD_ARG,
                    "gradient_norm: clip; expected one float number, found %lld of type %d",
                    (long long)tensor_elements(limit), (int)limit->type);
    c->slot[OP_OUT].tensor = tensor_make(TENSOR_F32, 1, &two);
    return STATUS_OK;
}

static float sum_of_squares(const float *x, int64_t n) {
    float sum = 0;
    for (int64_t i = 0; i < n; i++) sum += x[i] * x[i];
    return sum;
}

/* The same for four whole blocks side by side: a single sum would wait for each addition. */
static void sums_of_squares_4(float *out, const float *x) {
    const float *a = x, *b = x + BLOCK, *c = x + 2 * BLOCK, *d = x + 3 * BLOCK;
    float sum_a = 0, sum_b = 0, sum_c = 0, sum_d = 0;
    for (int i = 0; i < BLOCK; i++) {
        sum_a += a[i] * a[i];
        sum_b += b[i] * b[i];
        sum_c += c[i] * c[i];
        sum_d += d[i] * d[i];
    }
    out[0] = sum_a, out[1] = sum_b, out[2] = sum_c, out[3] = sum_d;
}

/* Block sums arrive in order; each level adds up to BLOCK sums of the level below. */
struct ladder {
    float sum[LEVELS_MAX];
    int count[LEVELS_MAX];
};

static void ladder_add(struct ladder *l, float value) {
    for (int level = 0; level < LEVELS_MAX; level++) {
        l->sum[level] = l->count[level] ? l->sum[level] + value : value;
        if (++l->count[level] < BLOCK) return;
        value = l->sum[level];
        l->count[level] = 0;
        l->sum[level] = 0;
    }
}

static float ladder_total(const struct ladder *l) {
    float total = 0;
    for (int level = 0; level < LEVELS_MAX; level++)
        if (l->count[level]) total = l->sum[level] + total;
    return total;
}

static void set_result(const struct op_call *c, float squares) {
    const float clip = *op_f32(c, OP_IN + 1);
    float *result = op_f32(c, OP_OUT);
    const float norm = sqrtf(squares), factor = clip / (norm + 1e-6f);
    result[0] = norm;
    result[1] = !isfinite(norm) ? 0 : clip == 0 || factor > 1 ? 1 : factor;
}

static int64_t n_blocks(const struct op_call *c) {
    return (tensor_elements(op_tensor(c, OP_IN)) + BLOCK - 1) / BLOCK;
}

static int64_t pieces(const struct op_call *c) {
    return (n_blocks(c) + PIECE_BLOCKS - 1) / PIECE_BLOCKS;
}

/* Writes the sums of PIECE_BLOCKS blocks to scratch memory. */
static void piece(const struct op_call *c, int64_t i) {
    const int64_t n = tensor_elements(op_tensor(c, OP_IN)), all = n_blocks(c);
    const int64_t end = (i + 1) * PIECE_BLOCKS < all ? (i + 1) * PIECE_BLOCKS : all;
    const float *x = op_f32(c, OP_IN);
    float *sums = op_f32(c, OP_SCRATCH);
    int64_t k = i * PIECE_BLOCKS;
    for (; k + 4 <= end && (k + 4) * BLOCK <= n; k += 4) sums_of_squares_4(sums + k, x + k * BLOCK);
    for (; k < end; k++) {
        const int64_t rest = n - k * BLOCK;
        sums[k] = sum_of_squares(x + k * BLOCK, rest < BLOCK ? rest : BLOCK);
    }
}

static void finish(const struct op_call *c) {
    struct ladder l = {0};
    for (int64_t k = 0; k < n_blocks(c); k++) ladder_add(&l, op_f32(c, OP_SCRATCH)[k]);
    set_result(c, ladder_total(&l));
}

static void forward(const struct op_call *c) {
    for (int64_t i = 0; i < pieces(c); i++) piece(c, i);
    finish(c);
}

static void forward_reference(const struct op_call *c) {
    const int64_t n = tensor_elements(op_tensor(c, OP_IN));
    const float *x = op_f32(c, OP_IN);
    double squares = 0;
    for (int64_t i = 0; i < n; i++) squares += (double)x[i] * x[i];
    set_result(c, (float)squares);
}

/* The block sums of all levels, one level after the other. */
static int64_t scratch_bytes(const struct op_call *c) {
    int64_t sums = 0, n = tensor_elements(op_tensor(c, OP_IN));
    do {
        n = (n + BLOCK - 1) / BLOCK;
        sums += n;
    } while (n > 1);
    return sums * (int64_t)sizeof(float);
}

static int kernels(const struct op_call *c, const struct traits *t, struct kernel *k) {
    (void)t;
    struct gradient_norm_params push = {.n = (uint)tensor_elements(op_tensor(c, OP_IN)),
                                        .squares = 1};
    int n_kernels = 0;
    do {
        const uint blocks = (push.n + BLOCK - 1) / BLOCK;
        k[n_kernels] = (struct kernel){.shader = "gradient_norm_blocks",
                                       .n_bindings = 2,
                                       .binding = {n_kernels ? OP_SCRATCH : OP_IN, OP_SCRATCH}};
        kernel_groups(&k[n_kernels], blocks, 256);
        kernel_push(&k[n_kernels++], &push, sizeof push);
        push = (struct gradient_norm_params){
            .n = blocks, .read_at = push.write_at, .write_at = push.write_at + blocks};
    } while (push.n > 1);
    k[n_kernels] = (struct kernel){.shader = "gradient_norm_finish",
                                   .n_bindings = 3,
                                   .binding = {OP_SCRATCH, OP_IN + 1, OP_OUT}};
    kernel_groups(&k[n_kernels], 1, 1);
    kernel_push(&k[n_kernels++], &push, sizeof push);
    return n_kernels;
}

static double flops(const struct op_call *c) {
    return 2.0 * (double)tensor_elements(op_tensor(c, OP_IN));
}

const struct op op_gradient_norm = {
    .name = "gradient_norm",
    .n_inputs = 2,
    .n_outputs = 1,
    .shape = shape,
    .scratch_bytes = scratch_bytes,
    .forward = forward,
    .pieces = pieces,
    .piece = piece,
    .finish = finish,
    .forward_reference = forward_reference,
    .kernels = kernels,
    .flops = flops,
};

void gradient_norm_update(struct graph *g, int gradients, int clip, int result) {
    graph_update(g, OP_gradient_norm,
                 (int[OP_INPUTS]){gradients, clip, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE},
                 (int[OP_OUTPUTS]){result, GRAPH_NONE, GRAPH_NONE}, NULL, 0);
}
