#include "models/ops/matmul_check.h"

#include "models/ops/blas_core.h"
#include "models/ops/matmul.h"

#include <math.h>
#include <string.h>

enum { NUMBERS = 11000 }; /* of the largest matrix below */

struct memory {
    float a[NUMBERS], b[NUMBERS], found[NUMBERS], expected[NUMBERS];
};

static void fill(float *x, int64_t rows, int64_t line, uint32_t seed) {
    CHECK(rows * line <= NUMBERS);
    for (int64_t i = 0; i < rows * line; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (float)((int)(seed >> 24) % 7 - 3);
    }
}

/* p: m, n, k and beta. Columns of C beyond the matrix must not change. */
static enum status check_product(struct matmul p, struct memory *x, struct error *e) {
    const int64_t a_rows = p.a_transposed ? p.k : p.m, b_rows = p.b_transposed ? p.n : p.k;
    p.lda = (p.a_transposed ? p.m : p.k) + 3;
    p.ldb = (p.b_transposed ? p.k : p.n) + 1;
    p.ldc = p.n + 2;
    p.a = x->a, p.b = x->b;
    fill(x->a, a_rows, p.lda, 1);
    fill(x->b, b_rows, p.ldb, 2);
    fill(x->expected, p.m, p.ldc, 3);
    memcpy(x->found, x->expected, (size_t)(p.m * p.ldc) * sizeof *x->found);
    for (int64_t i = 0; p.beta == 0 && i < p.m; i++) /* then C is not read */
        for (int64_t j = 0; j < p.n; j++) x->found[i * p.ldc + j] = NAN;
    p.c = x->expected;
    matmul_reference(&p);
    p.c = x->found;
    matmul(&p);
    for (int64_t i = 0; i < p.m * p.ldc; i++)
        if (!(x->found[i] == x->expected[i]))
            return fail(e, STATUS_SELF_CHECK,
                        "cpu: OpenBLAS's kernels for %s compute wrongly on this CPU: product %d x "
                        "%d x %d%s%s, row %d, column %d; expected %g, found %g; set "
                        BLAS_CORE_VARIABLE " to another of its cores, or install another version "
                        "of it",
                        matmul_core(), (int)p.m, (int)p.n, (int)p.k,
                        p.a_transposed ? ", A transposed" : "",
                        p.b_transposed ? ", B transposed" : "", (int)(i / p.ldc), (int)(i % p.ldc),
                        (double)x->expected[i], (double)x->found[i]);
    return STATUS_OK;
}

enum status matmul_check(struct error *e) {
    /* Includes sums longer than a block of the kernels (384), and vectors. */
    static const int small[][3] = {{1, 1, 1},   {3, 5, 7},    {16, 64, 32}, {17, 65, 33},
                                   {65, 17, 1}, {1, 40, 64}, {50, 1, 63},  {9, 21, 401}};
    /* Above a million multiplications AVX-512 cores stop using their kernels for small products. A
     * and B both plain, then both transposed, cover all ways to pack a matrix. */
    static const int large[] = {101, 99, 103};
    const char *missing = blas_core_missing(blas_core_features(), matmul_core());
    enum status rc = STATUS_OK;
    struct memory x;
    if (missing)
        return fail(e, STATUS_BAD_ARG,
                    "cpu: OpenBLAS's kernels for %s; expected kernels that this CPU can run, which "
                    "has no %s; unset " BLAS_CORE_VARIABLE,
                    matmul_core(), missing);
    for (int way = 0; way < 4; way++) {
        struct matmul p = {.a_transposed = way & 1, .b_transposed = way >> 1, .alpha = 1};
        for (size_t s = 0; s < sizeof small / sizeof *small; s++) {
            p.m = small[s][0], p.n = small[s][1], p.k = small[s][2];
            p.alpha = s % 2 ? 1 : -0.5f;
            p.beta = (const float[]){0, 1, 2}[(s + (size_t)way) % 3];
            TRY(check_product(p, &x, e));
        }
        p.m = large[0], p.n = large[1], p.k = large[2];
        if (way == 0 || way == 3) TRY(check_product(p, &x, e));
    }
done:
    return rc;
}
