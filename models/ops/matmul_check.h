/* matmul_check: whether the BLAS in use computes right on this CPU, in a few milliseconds.
 *
 * Compares products with matmul_reference: transposed and not, sizes at and beside the edges of the
 * kernels' blocks, rows longer than the matrix, beta 0, 1 and 2. All numbers are small integers, so
 * that sums in fp32 are exact in any order and must be equal.
 *
 * BAD_ARG: the CPU lacks a feature of the kernels that OPENBLAS_CORETYPE asks for; nothing was
 * computed, as the first product would end the process. SELF_CHECK: a product is wrong. */
#ifndef MODELS_OPS_MATMUL_CHECK_H
#define MODELS_OPS_MATMUL_CHECK_H

#include "pipeline/base/status.h"

enum status matmul_check(struct error *e);

#endif
