/* Checked by counting, against the definition: nothing missing, nothing twice, ratios exact. */
#include "data/order.h"
#include "pipeline/base/random.h"
#include "tests/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Walks draws from 0 and compares each with plain counting. */
static void walk(const double *ratios, int n, uint64_t draws) {
    struct order_mix mix;
    struct error e;
    uint64_t count[ORDER_SOURCES_MAX] = {0};
    double sum = 0;
    int wrong_draw = 0, wrong_count = 0, far = 0, not_exact = 0;
    CHECK_EQUAL(order_mix_init(&mix, ratios, n, &e), STATUS_OK);
    for (int i = 0; i < n; i++) sum += ratios[i];
    for (uint64_t g = 0; g < draws; g++) {
        struct order_draw d = order_mix_draw(&mix, g);
        if (d.source < 0 || d.source >= n) {
            wrong_draw++;
            break;
        }
        wrong_draw += d.draw != count[d.source];
        count[d.source]++;
        for (int i = 0; i < n; i++) {
            double ideal = (double)(g + 1) * ratios[i] / sum;
            wrong_count += order_mix_count(&mix, i, g + 1) != count[i];
            far += !(fabs((double)count[i] - ideal) <= n / 2.0 + 1);
            if ((g + 1) % mix.total == 0)
                not_exact += !(fabs((double)count[i] - ideal) < 1e-6 * (double)(g + 1));
        }
    }
    CHECK_EQUAL(wrong_draw, 0);
    CHECK_EQUAL(wrong_count, 0);
    CHECK_EQUAL(far, 0);
    CHECK_EQUAL(not_exact, 0);
    CHECK_TRUE(draws >= mix.total);
}

static void test_mixing(void) {
    walk((const double[]){1}, 1, 100);
    walk((const double[]){0.5, 0.5}, 2, 100);
    walk((const double[]){0.7, 0.2, 0.1}, 3, 1000);
    walk((const double[]){1, 30, 2, 300, 5}, 5, 2000);
    walk((const double[]){3210, 1073}, 2, 9000);
    walk((const double[]){1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 11, 300);
    /* Every batch of a part: 16 slots at 3:1 are always 12 and 4. */
    struct order_mix mix;
    int uneven = 0;
    CHECK_EQUAL(order_mix_init(&mix, (const double[]){0.75, 0.25}, 2, NULL), STATUS_OK);
    for (uint64_t step = 0; step < 1000; step++)
        uneven +=
            order_mix_count(&mix, 0, 16 * (step + 1)) - order_mix_count(&mix, 0, 16 * step) != 12;
    CHECK_EQUAL(uneven, 0);
}

/* Worked by hand from the rule: source 0 has round(draws ratio / total) of the draws, halves up;
 * the next source has its share of what is left, by the ratios that are left; and so on.
 *   1:1    of 1, 2, 3, 4 draws source 0 has 0.5, 1, 1.5, 2, so 1, 1, 2, 2
 *   2:1:1  the same for source 0; of the 1, 2 draws left source 1 has 0.5, 1, so 1, 1
 *   1:2:1  source 0 has 0.25, 0.5, 0.75, 1, so 0, 1, 1, 1; of the 1, 2, 3 draws left source 1 has
 *          2/3, 4/3, 2, so 1, 1, 2 */
static void test_sequences_by_hand(void) {
    static const struct {
        double ratios[3];
        int n;
        const char *sources;
    } cases[] = {
        {{1, 1}, 2, "010101010101"},
        {{2, 1, 1}, 3, "010201020102"},
        {{1, 2, 1}, 3, "102110211021"},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct order_mix mix;
        char found[16] = "";
        CHECK_EQUAL(order_mix_init(&mix, cases[c].ratios, cases[c].n, NULL), STATUS_OK);
        for (int g = 0; g < 12; g++)
            found[g] = (char)('0' + order_mix_draw(&mix, (uint64_t)g).source);
        if (!CHECK_TRUE(strcmp(found, cases[c].sources) == 0))
            fprintf(stderr, "    expected %s, found %s\n", cases[c].sources, found);
    }
}

static void test_far_steps(void) {
    struct order_mix mix;
    const double ratios[] = {3210, 1073, 359, 6000};
    CHECK_EQUAL(order_mix_init(&mix, ratios, 4, NULL), STATUS_OK);
    uint64_t far = (uint64_t)1 << 50, count = 0;
    far -= far % mix.total;
    for (uint64_t g = far; g < far + mix.total; g++) {
        struct order_draw d = order_mix_draw(&mix, g);
        count += d.source == 2;
    }
    CHECK_EQUAL(count, 359);
    CHECK_EQUAL(order_mix_count(&mix, 3, far), far / mix.total * 6000);
}

static void test_epochs(void) {
    struct random r = random_begin(5, RANDOM_TEST, 1, 1);
    int missing = 0, equal_orders = 0;
    for (int round = 0; round < 2000; round++) {
        uint64_t n = 1 + random_below(&r, round % 100 ? 60 : 3000);
        uint64_t seed = random_u64(&r), source = random_u64(&r);
        uint64_t *last = calloc(n, sizeof *last);
        for (uint64_t epoch = 0; epoch < 3; epoch++) {
            unsigned char *seen = calloc(n, 1);
            uint64_t same = 0;
            for (uint64_t i = 0; i < n; i++) {
                uint64_t s = order_sample(seed, source, epoch * n + i, n);
                if (s < n && !seen[s])
                    seen[s] = 1;
                else
                    missing++;
                same += epoch > 0 && last[i] == s;
                last[i] = s;
            }
            equal_orders += n > 20 && same > n / 2;
            free(seen);
        }
        free(last);
    }
    CHECK_EQUAL(missing, 0);
    CHECK_EQUAL(equal_orders, 0);
}

static void test_refusals(void) {
    struct order_mix mix;
    struct error e;
    CHECK_EQUAL(order_mix_init(&mix, (const double[]){1, 0}, 2, &e), STATUS_BAD_ARG);
    CHECK_TRUE(strstr(e.text, "ratio 1"));
    CHECK_EQUAL(order_mix_init(&mix, (const double[]){NAN}, 1, &e), STATUS_BAD_ARG);
    CHECK_EQUAL(order_mix_init(&mix, (const double[]){-1}, 1, &e), STATUS_BAD_ARG);
    CHECK_EQUAL(order_mix_init(&mix, (const double[]){1e-9, 1}, 2, &e), STATUS_BAD_ARG);
    CHECK_EQUAL(order_mix_init(&mix, NULL, 0, &e), STATUS_BAD_ARG);
}

int main(void) {
    test_mixing();
    test_sequences_by_hand();
    test_far_steps();
    test_epochs();
    test_refusals();
    return check_report();
}
