#include "pipeline/base/random.h"
#include "tests/check.h"

#include <math.h>
#include <stdlib.h>

/* Philox 4x32-10 with key and counter zero: Random123's known-answer file kat_vectors. */
static void test_known_answer(void) {
    struct random r = {.used = 4};
    CHECK_EQUAL(random_u32(&r), 0x6627e8d5u);
    CHECK_EQUAL(random_u32(&r), 0xe169c58du);
    CHECK_EQUAL(random_u32(&r), 0xbc57ac4cu);
    CHECK_EQUAL(random_u32(&r), 0x9b00dbd8u);
}

static void test_permutation_is_one_to_one(void) {
    static const uint64_t sizes[] = {1, 2, 3, 5, 16, 17, 1000, 4097};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        uint64_t n = sizes[s], hits = 0, fixed = 0;
        unsigned char *seen = calloc(n, 1);
        for (uint64_t i = 0; i < n; i++) {
            uint64_t p = random_permute(7, 1, 2, i, n);
            if (p < n && !seen[p]) hits++;
            if (p < n) seen[p] = 1;
            fixed += p == i;
        }
        CHECK_EQUAL(hits, n);
        if (n >= 1000) CHECK_TRUE(fixed < 10);
        free(seen);
    }
}

static void test_moments(void) {
    enum { N = 20000 };
    struct random r = random_begin(1, RANDOM_TEST, 2, 3);
    double sum = 0, square = 0, uniform = 0;
    for (int i = 0; i < N; i++) {
        double x = random_normal(&r);
        sum += x;
        square += x * x;
        uniform += random_float(&r);
    }
    /* Five standard errors of each estimate. */
    CHECK_CLOSE(sum / N, 0, 5 / sqrt(N));
    CHECK_CLOSE(square / N, 1, 5 * sqrt(2.0 / N));
    CHECK_CLOSE(uniform / N, 0.5, 5 * sqrt(1.0 / 12 / N));
}

static void test_streams_differ(void) {
    struct random a = random_begin(1, RANDOM_TEST, 2, 3), b = random_begin(1, RANDOM_TEST, 2, 4);
    struct random c = random_begin(1, RANDOM_TEST, 2, 3);
    int same = 0, repeated = 0;
    for (int i = 0; i < 100; i++) {
        uint32_t x = random_u32(&a);
        same += x == random_u32(&b);
        repeated += x == random_u32(&c);
    }
    CHECK_TRUE(same < 3);
    CHECK_EQUAL(repeated, 100);
}

int main(void) {
    test_known_answer();
    test_permutation_is_one_to_one();
    test_moments();
    test_streams_differ();
    return check_report();
}
