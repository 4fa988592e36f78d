#include "models/ops/similarity_kernels.h"

#include "models/ops/gemm_kernel.h"

enum { U, V };

void similarity_kernels_forward(struct kernel *k, const struct op_call *c) {
    const uint n = (uint)op_rows(c, OP_IN + U), width = (uint)op_columns(c, OP_IN + U);
    gemm_kernel_fill(k, &(struct gemm_kernel){
                            .layout = GEMM_NT,
                            .a = OP_IN + U,
                            .b = OP_IN + V,
                            .c = OP_SCRATCH,
                            .params = {.m = n, .n = n, .k = width, .alpha = 1},
                        });
}

void similarity_kernels_backward(struct kernel *k, const struct op_call *c, int input) {
    const uint n = (uint)op_rows(c, OP_IN + U), width = (uint)op_columns(c, OP_IN + U);
    gemm_kernel_fill(k, &(struct gemm_kernel){
                            .layout = input == U ? GEMM_NN : GEMM_TN,
                            .a = OP_SCRATCH,
                            .b = OP_IN + (input == U ? V : U),
                            .c = OP_D_IN + input,
                            .params = {.m = n,
                                       .n = width,
                                       .k = n,
                                       .alpha = 1,
                                       .flags = op_adds(c, input) ? GEMM_ACCUMULATE : 0},
                        });
}
