#include "models/ops/similarity_tiles.h"

#include "models/ops/gemm_kernel.h"
#include "models/ops/matmul.h"

enum { U, V };

int similarity_tiles(int64_t n) {
    return n > 0 ? (int)((n + SIMILARITY_ROWS - 1) / SIMILARITY_ROWS) : 1;
}

int64_t similarity_rows(int64_t n, int64_t first) {
    return n - first < SIMILARITY_ROWS ? n - first : SIMILARITY_ROWS;
}

int64_t similarity_scratch(int64_t n) {
    return (similarity_rows(n, 0) * n + 2 * n) * (int64_t)sizeof(float);
}

void similarity_forward(const struct op_call *c, int64_t first, float scale, float *s) {
    const int64_t n = op_rows(c, OP_IN + U), width = op_columns(c, OP_IN + U);
    matmul(&(struct matmul){.m = similarity_rows(n, first),
                            .n = n,
                            .k = width,
                            .a = op_f32(c, OP_IN + U) + first * width,
                            .b = op_f32(c, OP_IN + V),
                            .b_transposed = true,
                            .c = s,
                            .alpha = scale});
}

void similarity_backward(const struct op_call *c, int64_t first, float scale, const float *e) {
    const int64_t n = op_rows(c, OP_IN + U), width = op_columns(c, OP_IN + U);
    const int64_t rows = similarity_rows(n, first), start = first * width;
    if (op_wants(c, U)) /* du = scale e v */
        matmul(&(struct matmul){.m = rows,
                                .n = width,
                                .k = n,
                                .a = e,
                                .b = op_f32(c, OP_IN + V),
                                .alpha = scale,
                                .c = op_f32(c, OP_D_IN + U) + start,
                                .beta = op_adds(c, U) ? 1 : 0});
    if (op_wants(c, V)) /* dv += scale e' u, over tiles */
        matmul(&(struct matmul){.m = n,
                                .n = width,
                                .k = rows,
                                .a = e,
                                .a_transposed = true,
                                .b = op_f32(c, OP_IN + U) + start,
                                .alpha = scale,
                                .c = op_f32(c, OP_D_IN + V),
                                .beta = op_adds(c, V) || first > 0 ? 1 : 0});
}

void similarity_kernels_forward(struct kernel *k, const struct traits *t,
                                const struct op_call *c, int input, int64_t first) {
    const uint n = (uint)op_rows(c, OP_IN + U), width = (uint)op_columns(c, OP_IN + U);
    gemm_kernel_fill(k, t, &(struct gemm_kernel){
                            .layout = GEMM_NT,
                            .a = OP_IN + input,
                            .b = OP_IN + (input == U ? V : U),
                            .c = OP_SCRATCH,
                            .params = {.m = (uint)similarity_rows(n, first),
                                       .n = n,
                                       .k = width,
                                       .a_start = (uint)first * width,
                                       .alpha = 1},
                        });
}

void similarity_kernels_backward(struct kernel *k, const struct traits *t,
                                 const struct op_call *c, int input, int64_t first) {
    const uint n = (uint)op_rows(c, OP_IN + U), width = (uint)op_columns(c, OP_IN + U);
    const uint rows = (uint)similarity_rows(n, first), start = (uint)first * width;
    const bool adds = op_adds(c, input) || (input == V && first > 0);
    gemm_kernel_fill(k, t, &(struct gemm_kernel){
                            .layout = input == U ? GEMM_NN : GEMM_TN,
                            .a = OP_SCRATCH,
                            .b = OP_IN + (input == U ? V : U),
                            .c = OP_D_IN + input,
                            .params = {.m = input == U ? rows : n,
                                       .n = width,
                                       .k = input == U ? n : rows,
                                       .b_start = input == U ? 0 : start,
                                       .c_start = input == U ? start : 0,
                                       .alpha = 1,
                                       .flags = adds ? GEMM_ACCUMULATE : 0},
                        });
}
