#include "models/ops/linear.h"

#include "models/half.h"
#include "models/ops/matmul.h"
#include "models/ops/op_kernels.h"

#include <string.h>

static struct linear_options options_of(const struct op_call *c) {
    return *(const struct linear_options *)c->options;
}

/* N rows of x, I inputs, O outputs, r rank of the adapter (0: none). */
struct sizes {
    int64_t rows, inputs, outputs, rank;
};

static struct sizes sizes_of(const struct op_call *c) {
    const struct tensor *weight = op_tensor(c, OP_IN + LINEAR_WEIGHT);
    const int64_t inputs = op_columns(c, OP_IN + LINEAR_X);
    const bool has_lora = op_tensor(c, OP_IN + LINEAR_LORA_A)->rank == 2;
    return (struct sizes){
        .rows = op_rows(c, OP_IN + LINEAR_X),
        .inputs = inputs,
        .outputs = weight->shape[options_of(c).transposed ? 1 : 0],
        .rank = has_lora ? op_tensor(c, OP_IN + LINEAR_LORA_A)->shape[0] : 0,
    };
}

static enum status expect_matrix(const struct op_call *c, int input, int64_t rows, int64_t columns,
                                 struct error *e) {
    static const char *const names[] = {"x", "weight", "bias", "lora_a", "lora_b", "residual"};
    const struct tensor *t = op_tensor(c, OP_IN + input);
    if (!op_has(c, OP_IN + input)) return STATUS_OK;
    const bool is_16 = t->type == TENSOR_F16 || t->type == TENSOR_BF16;
    if ((t->type != TENSOR_F32 && !(is_16 && input == LINEAR_WEIGHT)) ||
        op_columns(c, OP_IN + input) != columns || op_rows(c, OP_IN + input) != rows)
        return fail(e, STATUS_BAD_ARG,
                    "linear: %s; expected float (%lld, %lld), found (%lld, %lld)", names[input],
                    (long long)rows, (long long)columns, (long long)op_rows(c, OP_IN + input),
                    (long long)op_columns(c, OP_IN + input));
    return STATUS_OK;
}

static enum status shape(struct op_call *c, struct error *e) {
    enum status rc = STATUS_OK;
    const struct tensor *x = op_tensor(c, OP_IN + LINEAR_X);
    const struct tensor *weight = op_tensor(c, OP_IN + LINEAR_WEIGHT);
    const bool has_lora = op_has(c, OP_IN + LINEAR_LORA_A);
    if (x->type != TENSOR_F32 || x->rank < 1 || weight->rank != 2)
        return fail(e, STATUS_BAD_ARG, "linear: x, weight; expected rows and a matrix of floats");
    if (has_lora != op_has(c, OP_IN + LINEAR_LORA_B) ||
        (has_lora && op_tensor(c, OP_IN + LINEAR_LORA_A)->rank != 2))
        return fail(e, STATUS_BAD_ARG, "linear: adapter; expected two matrices or none");
    const struct sizes s = sizes_of(c);
    if (options_of(c).transposed)
        TRY(expect_matrix(c, LINEAR_WEIGHT, s.inputs, s.outputs, e));
    else
        TRY(expect_matrix(c, LINEAR_WEIGHT, s.outputs, s.inputs, e));
    TRY(expect_matrix(c, LINEAR_BIAS, 1, s.outputs, e));
    TRY(expect_matrix(c, LINEAR_LORA_A, s.rank, s.inputs, e));
    TRY(expect_matrix(c, LINEAR_LORA_B, s.outputs, s.rank, e));
    TRY(expect_matrix(c, LINEAR_RESIDUAL, s.rows, s.outputs, e));
    c->slot[OP_OUT].tensor = *x;
    c->slot[OP_OUT].tensor.shape[x->rank - 1] = s.outputs;
    c->slot[OP_SAVE].tensor = tensor_make(TENSOR_F32, 2, (int64_t[]){s.rows, s.rank});
done:
    return rc;
}

static uint64_t backward_reads(const struct op_call *c, uint32_t wanted) {
    const bool has_lora = op_tensor(c, OP_IN + LINEAR_LORA_A)->rank == 2;
    uint64_t reads = 0;
    if (wanted & 1u << LINEAR_X) {
        reads |= 1u << (OP_IN + LINEAR_WEIGHT);
        if (has_lora) reads |= 1u << (OP_IN + LINEAR_LORA_A) | 1u << (OP_IN + LINEAR_LORA_B);
    }
    if (wanted & 1u << LINEAR_WEIGHT) reads |= 1u << (OP_IN + LINEAR_X);
    if (wanted & 1u << LINEAR_LORA_A)
        reads |= 1u << (OP_IN + LINEAR_X) | 1u << (OP_IN + LINEAR_LORA_B);
    if (wanted & 1u << LINEAR_LORA_B) reads |= 1u << OP_SAVE;
    return reads;
}

/* Whether backward needs dy B (N, r), which dx and dA share. */
static bool needs_dy_b(const struct op_call *c) {
    return c->direction == OP_BACKWARD && sizes_of(c).rank > 0 &&
           (op_wants(c, LINEAR_X) || op_wants(c, LINEAR_LORA_A));
}

/* Rows of a 16-bit weight that the CPU widens at a time: about a mebibyte. */
static int64_t widened_rows(const struct op_call *c) {
    enum { PIECE = 1 << 18 };
    const struct tensor *w = op_tensor(c, OP_IN + LINEAR_WEIGHT);
    if (w->type == TENSOR_F32) return 0;
    const int64_t rows = PIECE / w->shape[1];
    return rows < 1 ? 1 : rows < w->shape[0] ? rows : w->shape[0];
}

static int64_t dy_b_numbers(const struct op_call *c) {
    const struct sizes s = sizes_of(c);
    return needs_dy_b(c) ? s.rows * s.rank : 0;
}

static int64_t scratch_bytes(const struct op_call *c) {
    const int64_t widened = widened_rows(c) * op_columns(c, OP_IN + LINEAR_WEIGHT);
    const int64_t here = (dy_b_numbers(c) + widened) * (int64_t)sizeof(float);
    const int64_t on_gpu = linear_kernels_scratch(c);
    return here > on_gpu ? here : on_gpu;
}

static float weight_at(const struct op_call *c, int64_t i) {
    const enum tensor_type type = op_tensor(c, OP_IN + LINEAR_WEIGHT)->type;
    const void *w = c->slot[OP_IN + LINEAR_WEIGHT].data;
    if (type == TENSOR_F16) return half_f16_wide(((const uint16_t *)w)[i]);
    if (type == TENSOR_BF16) return half_bf16_wide(((const uint16_t *)w)[i]);
    return ((const float *)w)[i];
}

static void forward_reference(const struct op_call *c) {
    const struct sizes s = sizes_of(c);
    const struct linear_options o = options_of(c);
    for (int64_t n = 0; n < s.rows; n++) {
        const float *x = op_f32(c, OP_IN + LINEAR_X) + n * s.inputs;
        for (int64_t k = 0; k < s.rank; k++) {
            const float *a = op_f32(c, OP_IN + LINEAR_LORA_A) + k * s.inputs;
            float t = 0; /* t = x A' */
            for (int64_t i = 0; i < s.inputs; i++) t += x[i] * a[i];
            op_f32(c, OP_SAVE)[n * s.rank + k] = t;
        }
        for (int64_t j = 0; j < s.outputs; j++) {
            const int64_t at = n * s.outputs + j;
            float product = 0, adapter = 0;
            for (int64_t i = 0; i < s.inputs; i++)
                product += x[i] * weight_at(c, o.transposed ? i * s.outputs + j : j * s.inputs + i);
            for (int64_t k = 0; k < s.rank; k++)
                adapter += op_f32(c, OP_SAVE)[n * s.rank + k] *
                           op_f32(c, OP_IN + LINEAR_LORA_B)[j * s.rank + k];
            float y = product + o.scale * adapter;
            if (op_has(c, OP_IN + LINEAR_BIAS)) y += op_f32(c, OP_IN + LINEAR_BIAS)[j];
            if (op_has(c, OP_IN + LINEAR_RESIDUAL)) y += op_f32(c, OP_IN + LINEAR_RESIDUAL)[at];
            op_f32(c, OP_OUT)[at] = y;
        }
    }
}

/* y = b + residual, to which the products add; false: both are absent. */
static bool begin_output(const struct op_call *c, const struct sizes *s) {
    const float *restrict bias = op_f32(c, OP_IN + LINEAR_BIAS);
    const float *restrict residual = op_f32(c, OP_IN + LINEAR_RESIDUAL);
    float *restrict y = op_f32(c, OP_OUT);
    const size_t row_bytes = (size_t)s->outputs * sizeof *y;
    if (!bias && !residual) return false;
    if (!bias) memcpy(y, residual, (size_t)s->rows * row_bytes);
    for (int64_t n = 0; bias && n < s->rows; n++, y += s->outputs) {
        if (!residual) {
            memcpy(y, bias, row_bytes);
            continue;
        }
        for (int64_t j = 0; j < s->outputs; j++) y[j] = bias[j] + residual[n * s->outputs + j];
    }
    return true;
}

typedef void product(const struct matmul *p);

/* out = a W, or a W' with turned, or += it; W as stored. A 16-bit W is widened into scratch memory,
 * a piece of its rows at a time: those are terms of the sums of a W, or columns of a W'. */
static void weight_product(const struct op_call *c, product *multiply, const float *a, bool turned,
                           float *out, bool adds) {
    const struct tensor *w = op_tensor(c, OP_IN + LINEAR_WEIGHT);
    const int64_t rows = w->shape[0], columns = w->shape[1], m = sizes_of(c).rows;
    const int64_t piece = w->type == TENSOR_F32 ? rows : widened_rows(c);
    float *wide = w->type == TENSOR_F32 ? NULL : op_f32(c, OP_SCRATCH) + dy_b_numbers(c);
    for (int64_t first = 0, n; first < rows; first += n) {
        n = rows - first < piece ? rows - first : piece;
        if (wide)
            half_widen(wide,
                       (const uint16_t *)c->slot[OP_IN + LINEAR_WEIGHT].data + first * columns,
                       n * columns, w->type);
        const float *b = wide ? wide : op_f32(c, OP_IN + LINEAR_WEIGHT);
        multiply(&(struct matmul){.m = m,
                                  .n = turned ? n : columns,
                                  .k = turned ? columns : n,
                                  .a = turned ? a : a + first,
                                  .lda = turned ? columns : rows,
                                  .b = b,
                                  .b_transposed = turned,
                                  .c = turned ? out + first : out,
                                  .ldc = turned ? rows : columns,
                                  .alpha = 1,
                                  .beta = adds || (!turned && first > 0)});
    }
}

static void forward(const struct op_call *c) {
    const struct sizes s = sizes_of(c);
    const struct linear_options o = options_of(c);
    const float *x = op_f32(c, OP_IN + LINEAR_X);
    const bool begun = begin_output(c, &s);
    weight_product(c, matmul, x, !o.transposed, op_f32(c, OP_OUT), begun); /* y += x W' */
    if (!s.rank) return;
    /* t = x A' */
    matmul(&(struct matmul){.m = s.rows,
                            .n = s.rank,
                            .k = s.inputs,
                            .a = x,
                            .b = op_f32(c, OP_IN + LINEAR_LORA_A),
                            .b_transposed = true,
                            .c = op_f32(c, OP_SAVE),
                            .alpha = 1});
    /* y += scale t B' */
    matmul(&(struct matmul){.m = s.rows,
                            .n = s.outputs,
                            .k = s.rank,
                            .a = op_f32(c, OP_SAVE),
                            .b = op_f32(c, OP_IN + LINEAR_LORA_B),
                            .b_transposed = true,
                            .c = op_f32(c, OP_OUT),
                            .alpha = o.scale,
                            .beta = 1});
}

/* dx = dy W + scale u A, with u = dy B */
static void backward_x(const struct op_call *c, product *multiply) {
    const struct sizes s = sizes_of(c);
    const struct linear_options o = options_of(c);
    weight_product(c, multiply, op_f32(c, OP_D_OUT), o.transposed, op_f32(c, OP_D_IN + LINEAR_X),
                   op_adds(c, LINEAR_X));
    if (s.rank)
        multiply(&(struct matmul){.m = s.rows,
                                  .n = s.inputs,
                                  .k = s.rank,
                                  .a = op_f32(c, OP_SCRATCH),
                                  .b = op_f32(c, OP_IN + LINEAR_LORA_A),
                                  .c = op_f32(c, OP_D_IN + LINEAR_X),
                                  .alpha = o.scale,
                                  .beta = 1});
}

/* d = alpha left' right, over the rows of x; d (m, n) */
static void backward_weight(const struct op_call *c, product *multiply, int input,
                            const float *left, int64_t m, const float *right, int64_t n,
                            float alpha) {
    if (!op_wants(c, input)) return;
    multiply(&(struct matmul){.m = m,
                              .n = n,
                              .k = sizes_of(c).rows,
                              .a = left,
                              .a_transposed = true,
                              .b = right,
                              .c = op_f32(c, OP_D_IN + input),
                              .alpha = alpha,
                              .beta = op_adds(c, input)});
}

static void backward_with(const struct op_call *c, product *multiply) {
    const struct sizes s = sizes_of(c);
    const struct linear_options o = options_of(c);
    const float *x = op_f32(c, OP_IN + LINEAR_X), *dy = op_f32(c, OP_D_OUT);
    float *dy_b = op_f32(c, OP_SCRATCH);
    if (needs_dy_b(c)) /* u = dy B */
        multiply(&(struct matmul){.m = s.rows,
                                  .n = s.rank,
                                  .k = s.outputs,
                                  .a = dy,
                                  .b = op_f32(c, OP_IN + LINEAR_LORA_B),
                                  .c = dy_b,
                                  .alpha = 1});
    if (op_wants(c, LINEAR_X)) backward_x(c, multiply);
    if (o.transposed) /* dW = x' dy, else dW = dy' x */
        backward_weight(c, multiply, LINEAR_WEIGHT, x, s.inputs, dy, s.outputs, 1);
    else
        backward_weight(c, multiply, LINEAR_WEIGHT, dy, s.outputs, x, s.inputs, 1);
    /* dA = scale u' x, dB = scale dy' t */
    backward_weight(c, multiply, LINEAR_LORA_A, dy_b, s.rank, x, s.inputs, o.scale);
    backward_weight(c, multiply, LINEAR_LORA_B, dy, s.outputs, op_f32(c, OP_SAVE), s.rank, o.scale);
    if (op_wants(c, LINEAR_BIAS)) { /* db = column sums of dy */
        float *restrict db = op_f32(c, OP_D_IN + LINEAR_BIAS);
        if (!op_adds(c, LINEAR_BIAS)) memset(db, 0, (size_t)s.outputs * sizeof *db);
        for (int64_t n = 0; n < s.rows; n++)
            for (int64_t j = 0; j < s.outputs; j++) db[j] += dy[n * s.outputs + j];
    }
    if (op_wants(c, LINEAR_RESIDUAL)) {
        float *restrict d = op_f32(c, OP_D_IN + LINEAR_RESIDUAL);
        const int64_t n = s.rows * s.outputs;
        if (op_adds(c, LINEAR_RESIDUAL))
            for (int64_t i = 0; i < n; i++) d[i] += dy[i];
        else
            memcpy(d, dy, (size_t)n * sizeof *d);
    }
}

static void backward(const struct op_call *c) {
    backward_with(c, matmul);
}

static void backward_reference(const struct op_call *c) {
    backward_with(c, matmul_reference);
}

static double flops(const struct op_call *c) {
    const struct sizes s = sizes_of(c);
    const double dense = 2.0 * (double)s.rows * (double)s.inputs * (double)s.outputs;
    const double down = 2.0 * (double)s.rows * (double)s.inputs * (double)s.rank;
    const double up = 2.0 * (double)s.rows * (double)s.outputs * (double)s.rank;
    if (c->direction == OP_FORWARD) return dense + down + up;
    return (op_wants(c, LINEAR_X) ? dense + down : 0) + (op_wants(c, LINEAR_WEIGHT) ? dense : 0) +
           (needs_dy_b(c) ? up : 0) + (op_wants(c, LINEAR_LORA_A) ? down : 0) +
           (op_wants(c, LINEAR_LORA_B) ? up : 0);
}

const struct op op_linear = {
    .name = "linear",
    .n_inputs = 6,
    .n_outputs = 1,
    .n_saved = 1,
    .optional_inputs =
        1u << LINEAR_BIAS | 1u << LINEAR_LORA_A | 1u << LINEAR_LORA_B | 1u << LINEAR_RESIDUAL,
    .differentiable = 63,
    .shape = shape,
    .backward_reads = backward_reads,
    .scratch_bytes = scratch_bytes,
    .forward = forward,
    .backward = backward,
    .forward_reference = forward_reference,
    .backward_reference = backward_reference,
    .kernels = linear_kernels,
    .flops = flops,
};

int linear_call(struct graph *g, struct linear_inputs in, struct linear_options options) {
    return graph_call(g, OP_linear,
                      (int[OP_INPUTS]){in.x, in.weight, in.bias, in.lora_a, in.lora_b, in.residual},
                      &options, sizeof options);
}

int linear_plain_call(struct graph *g, int x, int weight, int bias) {
    const struct linear_inputs in = {.x = x,
                                     .weight = weight,
                                     .bias = bias,
                                     .lora_a = GRAPH_NONE,
                                     .lora_b = GRAPH_NONE,
                                     .residual = GRAPH_NONE};
    return linear_call(g, in, (struct linear_options){0});
}
