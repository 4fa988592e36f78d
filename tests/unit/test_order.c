/* Checked by counting, against the definition: nothing missing, nothing twice, ratios exact. */
#include "data/stream/order.h"
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
    if (!CHECK_EQUAL(order_mix_init(&mix, ratios, n, &e), STATUS_OK)) return;
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
    walk((const double[]){0.1234, 0.8766}, 2, 11000);
    walk((const double[]){0.0004, 0.0006, 0.999}, 3, 11000);
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

/* Random sources: in three epochs each sample comes once per epoch, in another order; the draws of
 * a block stay in its shards; blocks have the size that order.h says. */
static void test_epochs(void) {
    enum { SHARDS = 100, SAMPLES = 9000 };
    struct random r = random_begin(5, RANDOM_TEST, 1, 1);
    int *shard_of_sample = calloc(SHARDS * SAMPLES, sizeof *shard_of_sample);
    int missing = 0, equal_orders = 0, strays = 0, several = 0;
    for (int round = 0, rounds = check_count(1000, 2000); round < rounds; round++) {
        int64_t n_samples[SHARDS], n = 0;
        const bool is_large = round % 100 == 0;
        const int n_shards = 1 + (int)random_below(&r, is_large ? SHARDS : 4);
        for (int i = 0; i < n_shards; i++)
            n += n_samples[i] = (int64_t)random_below(&r, is_large ? SAMPLES : 40);
        if (n == 0) n += ++n_samples[0];
        struct order_sequence *q;
        CHECK_EQUAL(
            order_sequence_create(&q, random_u64(&r), random_u64(&r), n_samples, n_shards, NULL),
            STATUS_OK);
        int64_t *last = calloc((size_t)n, sizeof *last);
        int at = 0;
        for (int i = 0; i < n_shards; i++)
            for (int64_t k = 0; k < n_samples[i]; k++) shard_of_sample[at++] = i;
        uint64_t block = order_sequence_block(q, 0);
        for (uint64_t epoch = 0; epoch < 3; epoch++) {
            unsigned char *seen = calloc((size_t)n, 1);
            int64_t same = 0;
            for (int64_t i = 0; i < n; i++) {
                const uint64_t draw = epoch * (uint64_t)n + (uint64_t)i;
                const int64_t s = order_sequence_sample(q, draw);
                if (s >= 0 && s < n && !seen[s])
                    seen[s] = 1;
                else
                    missing++;
                same += epoch > 0 && last[i] == s;
                last[i] = s;
                const int *shard;
                const uint64_t now = order_sequence_block(q, draw);
                several += now != block && epoch == 0;
                block = now;
                const int size = order_sequence_shards(q, now, &shard);
                int k = 0;
                while (k < size && shard[k] != shard_of_sample[s]) k++;
                strays += k == size;
            }
            equal_orders += n > 20 && same > n / 2;
            free(seen);
        }
        free(last);
        order_sequence_destroy(&q);
    }
    free(shard_of_sample);
    CHECK_EQUAL(missing, 0);
    CHECK_EQUAL(equal_orders, 0);
    CHECK_EQUAL(strays, 0);
    CHECK_TRUE(several > 10);
}

/* By hand: n_shards of equal size, and how many make a block. */
static void test_blocks(void) {
    static const struct {
        int n_shards, samples, block, n_blocks;
    } cases[] = {
        {1, 1, 1, 1},        {16, 9000, 16, 1}, /* few shards: all */
        {100, 9000, 16, 7},  {17, 5000, 16, 2}, /* 16 of them, the last block has the rest */
        {100, 2048, 32, 4},  {40, 1000, 40, 1}, /* small shards: 65536 samples */
        {1000, 65, 1000, 1},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        const int n = cases[c].n_shards;
        int64_t n_samples[1000];
        struct order_sequence *q;
        const int *shard;
        for (int i = 0; i < n; i++) n_samples[i] = cases[c].samples;
        CHECK_EQUAL(order_sequence_create(&q, 7, 8, n_samples, n, NULL), STATUS_OK);
        int dealt = 0, kept = 0;
        for (int b = 0; b < cases[c].n_blocks; b++) {
            const int size = order_sequence_shards(q, (uint64_t)b, &shard);
            if (b < cases[c].n_blocks - 1 || b == 0) CHECK_EQUAL(size, cases[c].block);
            int first[1000];
            memcpy(first, shard, (size_t)size * sizeof *first);
            dealt += size;
            /* In the next epoch a block has other shards. */
            order_sequence_shards(q, (uint64_t)(b + cases[c].n_blocks), &shard);
            for (int i = 0; i < size; i++) kept += shard[i] == first[i];
        }
        CHECK_EQUAL(dealt, n);
        if (cases[c].n_blocks > 1) CHECK_TRUE(kept < n);
        order_sequence_destroy(&q);
    }
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
    test_blocks();
    test_refusals();
    return check_report();
}
