/* Push constants of gemm_nt, gemm_nn, gemm_tn and gemm_small: C = alpha A B, plus the terms in
 * flags. A (m, k), B (k, n), C (m, n); nt stores B as (n, k), tn stores A as (k, m). Positions and
 * strides count numbers. One dispatch computes a batch of products: product i = outer * inner_n +
 * inner. Read by C and GLSL. */
#ifndef SHADERS_PARAMS_GEMM_H
#define SHADERS_PARAMS_GEMM_H
#include "shaders/params/types.h"

#define GEMM_ACCUMULATE 1u /* C += */
#define GEMM_BIAS 2u       /* + bias[column] */
#define GEMM_RESIDUAL 4u   /* + residual, stored like C */
/* for gemm_small, which knows all layouts */
#define GEMM_A_TURNED 8u  /* A is stored (k, m) */
#define GEMM_B_TURNED 16u /* B is stored (n, k) */

struct gemm_params {
    uint m, n, k;
    uint a_start, b_start, c_start; /* of the first product */
    uint a_line, b_line, c_line;    /* from one stored line to the next */
    uint products, inner_n;
    uint a_outer, a_inner, b_outer, b_inner, c_outer, c_inner; /* from one product to the next */
    uint flags;
    float alpha;
};

#endif
