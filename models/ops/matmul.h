/* matmul: matrix products on the CPU; the only file that includes BLAS.
 *
 *   C = alpha op(A) op(B) + beta C,  C (m, n), op(A) (m, k), op(B) (k, n), row-major
 *
 * a_transposed: A is stored (k, m); b_transposed: B is stored (n, k). lda, ldb, ldc: numbers from
 * one stored row to the next; 0: the stored row's length. With beta 0 C is not read, so it may hold
 * anything. BLAS runs in the calling thread only: our threads work on slices of the batch, and the
 * result must not depend on their number. */
#ifndef MODELS_OPS_MATMUL_H
#define MODELS_OPS_MATMUL_H

#include <stdbool.h>
#include <stdint.h>

struct matmul {
    int64_t m, n, k;
    const float *a, *b;
    float *c;
    bool a_transposed, b_transposed;
    int64_t lda, ldb, ldc;
    float alpha, beta;
};

void matmul(const struct matmul *p);
/* Plain loops; sums over k in rising order in fp32. */
void matmul_reference(const struct matmul *p);

/* Name, version and kernels of the BLAS in use; equal bits need equal texts. */
const char *matmul_library(void);
/* The kernels alone, by OpenBLAS's name of a CPU (models/ops/blas_core.h). */
const char *matmul_core(void);
/* Whether the library has kernels for several CPUs to choose from. */
bool matmul_can_choose(void);

#endif
