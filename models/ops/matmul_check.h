/* matmul_check: checks in a few milliseconds that the BLAS in use computes correctly on this CPU.
 *
 * Compares products with matmul_reference: transposed and not, sizes at and beside the edges of the
 * kernels' blocks, rows longer than the matrix, beta 0, 1 and 2. All numbers are small integers:
 * their sums in fp32 are exact in any order and must be equal.
 *
 * BAD_ARG: the CPU lacks a feature that the kernels of OPENBLAS_CORETYPE need. Nothing was then
 * computed, because the first product would kill the process. SELF_CHECK: a product is wrong. */
#ifndef MODELS_OPS_MATMUL_CHECK_H
#define MODELS_OPS_MATMUL_CHECK_H

#include "pipeline/base/status.h"

enum status matmul_check(struct error *e);

#endif
