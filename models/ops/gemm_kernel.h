/* gemm_kernel: a matrix product on the GPU as one dispatch of shaders/gemm.comp, with a tile chosen
 * by device and shape, or of shaders/gemm_small.comp.
 * C = alpha A B (+ bias + residual) (+ C); A (m, k), B (k, n), C (m, n).
 * Used by linear, attention and the losses over pairs. */
#ifndef MODELS_OPS_GEMM_KERNEL_H
#define MODELS_OPS_GEMM_KERNEL_H

#include "models/op.h"
#include "shaders/params/gemm.h"

enum gemm_layout {
    GEMM_NT, /* B stored (n, k) */
    GEMM_NN,
    GEMM_TN /* A stored (k, m) */
};

struct gemm_kernel {
    enum gemm_layout layout;
    int a, b, c;               /* slots */
    enum tensor_type b_type;   /* F32; F16 or BF16: not with GEMM_TN */
    int bias, residual;        /* slots, read with GEMM_BIAS and GEMM_RESIDUAL */
    struct gemm_params params; /* zeros: one product of contiguous matrices */
};

void gemm_kernel_fill(struct kernel *k, const struct traits *t, const struct gemm_kernel *g);

#endif
