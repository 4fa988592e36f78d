#include "models/ops/matmul.h"
#include "pipeline/base/random.h"
#include "tests/check.h"

#include <math.h>
#include <stdlib.h>

static float *numbers(int64_t n, struct random *r) {
    float *x = malloc((size_t)n * sizeof *x);
    for (int64_t i = 0; i < n; i++) x[i] = random_normal(r);
    return x;
}

/* Sums in double, written apart from the code under test: element (i, j) of a stored matrix. */
static double at(const float *x, bool transposed, int64_t line, int64_t i, int64_t j) {
    return transposed ? x[j * line + i] : x[i * line + j];
}

static void test_case(struct matmul p, struct random *r) {
    const int64_t a_rows = p.a_transposed ? p.k : p.m, b_rows = p.b_transposed ? p.n : p.k;
    const int64_t lda = (p.a_transposed ? p.m : p.k) + 3, ldb = (p.b_transposed ? p.k : p.n) + 1;
    const int64_t ldc = p.n + 2;
    float *a = numbers(a_rows * lda, r), *b = numbers(b_rows * ldb, r);
    float *old = numbers(p.m * ldc, r);
    void (*const products[])(const struct matmul *) = {matmul, matmul_reference};
    for (int way = 0; way < 2; way++) {
        float *c = malloc((size_t)(p.m * ldc) * sizeof *c);
        double worst = 0;
        bool kept = true;
        for (int64_t i = 0; i < p.m * ldc; i++) c[i] = p.beta == 0 && i % ldc < p.n ? NAN : old[i];
        p.a = a, p.b = b, p.c = c;
        p.lda = lda, p.ldb = ldb, p.ldc = ldc;
        products[way](&p);
        for (int64_t i = 0; i < p.m; i++) {
            for (int64_t j = 0; j < p.n; j++) {
                double sum = 0;
                for (int64_t l = 0; l < p.k; l++)
                    sum += at(a, p.a_transposed, lda, i, l) * at(b, p.b_transposed, ldb, l, j);
                sum = p.alpha * sum + p.beta * old[i * ldc + j];
                const double difference = fabs(c[i * ldc + j] - sum);
                if (!(difference <= worst)) worst = difference;
            }
            for (int64_t j = p.n; j < ldc; j++) kept &= c[i * ldc + j] == old[i * ldc + j];
        }
        /* k roundings of sums of about sqrt(k). */
        CHECK_CLOSE(worst, 0, 1e-6 * (double)(p.k + 4));
        CHECK_TRUE(kept);
        free(c);
    }
    free(a);
    free(b);
    free(old);
}

int main(void) {
    static const int64_t sizes[][3] = {{1, 1, 1},    {3, 5, 7},   {16, 64, 32}, {17, 65, 33},
                                       {100, 1, 50}, {1, 40, 64}, {65, 65, 64}};
    struct random r = random_begin(1, RANDOM_TEST, 20, 0);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        for (int way = 0; way < 4; way++) {
            struct matmul p = {.m = sizes[s][0], .n = sizes[s][1], .k = sizes[s][2], .alpha = 1};
            p.a_transposed = way & 1;
            p.b_transposed = way >> 1;
            test_case(p, &r);
            p.alpha = -0.5f;
            p.beta = way & 1 ? 1 : 0.25f;
            test_case(p, &r);
        }
    }
    return check_report();
}
