/* Kernels that are wrong in one way each take the place of the library's: the self-check sees all
 * of them. */
#include "models/backend.h"
#include "models/ops/matmul_check.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *planted;

static bool is(const char *name) { return planted && !strcmp(planted, name); }

/* cblas_sgemm, with the enumerations of the standard interface: 102 row-major, 112 transposed. */
void __real_cblas_sgemm(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a,
                        int lda, const float *b, int ldb, float beta, float *c, int ldc);
void __wrap_cblas_sgemm(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a,
                        int lda, const float *b, int ldb, float beta, float *c, int ldc);

void __wrap_cblas_sgemm(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a,
                        int lda, const float *b, int ldb, float beta, float *c, int ldc) {
    if (is("beta 1 taken for 0") && beta == 1) beta = 0;
    if (is("beta taken for 1") && beta != 0) beta = 1;
    if (is("alpha not applied")) alpha = 1;
    if (is("sums end at a block") && k > 384) k = 384;
    const float first = c[0];
    __real_cblas_sgemm(order, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    if (is("C is read")) c[0] += 0 * first;
    if (is("last column of four and one") && n % 4 == 1 && n > 4) c[n - 1] += 1;
    if (is("last row of eight and one") && m % 8 == 1 && m > 8) c[(m - 1) * ldc] += 1;
    if (is("A transposed") && ta == 112 && m > 1) c[ldc] += 1;
    if (is("B transposed") && tb == 112 && n > 1) c[1] += 1;
    if (is("large, as stored") && m * n * k > 1000000 && ta != 112) c[0] += 1;
    if (is("large, transposed") && m * n * k > 1000000 && ta == 112) c[0] += 1;
    if (is("vector") && n == 1 && m > 1) c[0] += 1;
    if (is("a number behind the row")) c[n] += 1;
}

int main(void) {
    static const char *const bugs[] = {"beta 1 taken for 0", "beta taken for 1",
                                       "alpha not applied",  "sums end at a block",
                                       "C is read",          "last column of four and one",
                                       "A transposed",       "last row of eight and one",
                                       "B transposed",       "large, as stored",
                                       "large, transposed",  "vector",
                                       "a number behind the row"};
    const struct backend_options options = {.device = "cpu", .threads = 1};
    struct backend *b = NULL;
    struct error e = {0};
    CHECK_EQUAL(matmul_check(&e), STATUS_OK);
    CHECK_EQUAL(backend_create(&b, &options, &e), STATUS_OK);
    backend_destroy(&b);
    for (size_t i = 0; i < sizeof bugs / sizeof *bugs; i++) {
        planted = bugs[i];
        const enum status rc = matmul_check(&e);
        check_true(rc == STATUS_SELF_CHECK, __FILE__, __LINE__, planted);
        if (rc == STATUS_SELF_CHECK && i == 0) printf("%s\n", e.text);
        check_true(backend_create(&b, &options, &e) == STATUS_SELF_CHECK && !b, __FILE__, __LINE__,
                   planted);
    }
    return check_report();
}
