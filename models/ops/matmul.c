#include "models/ops/matmul.h"

#include "pipeline/base/status.h"

#include <cblas.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>

static void use_one_thread(void) {
    openblas_set_num_threads(1);
}

void matmul(const struct matmul *p) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, use_one_thread);
    const int64_t lda = p->lda ? p->lda : p->a_transposed ? p->m : p->k;
    const int64_t ldb = p->ldb ? p->ldb : p->b_transposed ? p->k : p->n;
    const int64_t ldc = p->ldc ? p->ldc : p->n;
    CHECK(p->m <= INT_MAX && p->n <= INT_MAX && p->k <= INT_MAX);
    CHECK(lda <= INT_MAX && ldb <= INT_MAX && ldc <= INT_MAX);
    if (p->m == 0 || p->n == 0) return;
    cblas_sgemm(CblasRowMajor, p->a_transposed ? CblasTrans : CblasNoTrans,
                p->b_transposed ? CblasTrans : CblasNoTrans, (int)p->m, (int)p->n, (int)p->k,
                p->alpha, p->a, (int)lda, p->b, (int)ldb, p->beta, p->c,
                (int)ldc);
}

void matmul_reference(const struct matmul *p) {
    const int64_t lda = p->lda ? p->lda : p->a_transposed ? p->m : p->k;
    const int64_t ldb = p->ldb ? p->ldb : p->b_transposed ? p->k : p->n;
    const int64_t ldc = p->ldc ? p->ldc : p->n;
    for (int64_t i = 0; i < p->m; i++) {
        for (int64_t j = 0; j < p->n; j++) {
            float sum = 0, *c = &p->c[i * ldc + j];
            for (int64_t l = 0; l < p->k; l++)
                sum += p->a[p->a_transposed ? l * lda + i : i * lda + l] *
                       p->b[p->b_transposed ? j * ldb + l : l * ldb + j];
            *c = p->alpha * sum + (p->beta == 0 ? 0 : p->beta * *c);
        }
    }
}

const char *matmul_library(void) { return openblas_get_config(); }

const char *matmul_core(void) { return openblas_get_corename(); }

bool matmul_can_choose(void) { return strstr(openblas_get_config(), "DYNAMIC_ARCH") != NULL; }
