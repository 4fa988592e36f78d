/* The sum of slices has the bits of the tree as its header defines it, whatever the order in which
 * slices are finished; and slices in rising order need no more blocks than it says. */
#include "models/learn/slice_tree.h"
#include "pipeline/base/random.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLICES_MAX = 67 };

static float leaf[SLICES_MAX];

/* Node [a, b) by the definition. */
static float sum_of(int a, int b) {
    int half = 1;
    if (b - a == 1) return leaf[a];
    while (2 * half < b - a) half *= 2;
    return sum_of(a, a + half) + sum_of(a + half, b);
}

struct sums {
    struct slice_tree tree;
    float value[SLICES_MAX];
    bool is_used[SLICES_MAX];
    int most; /* blocks in use at once */
};

static int take(struct sums *s) {
    int block = 0, n = 0;
    while (s->is_used[block]) block++;
    s->is_used[block] = true;
    for (int i = 0; i < SLICES_MAX; i++) n += s->is_used[i];
    if (n > s->most) s->most = n;
    return block;
}

static int finish(struct sums *s, int slice) {
    struct slice_node node = {.first = slice, .block = take(s)};
    const int block = node.block;
    int from;
    s->value[block] = leaf[slice];
    while (slice_tree_add(&s->tree, &node, &from)) {
        CHECK_TRUE(s->is_used[from] && s->is_used[node.block] && from != node.block);
        s->value[node.block] += s->value[from];
        s->value[from] = 1e30f; /* nothing may read it again */
        s->is_used[from] = false;
    }
    return block;
}

static int bits(int n) {
    int count = 0;
    for (; n; n &= n - 1) count++;
    return count;
}

static void check_orders(int n, struct random *r) {
    struct error e = {0};
    struct sums s = {0};
    const float expected = sum_of(0, n);
    CHECK_EQUAL(slice_tree_init(&s.tree, n, &e), STATUS_OK);
    for (int trial = 0; trial < 20; trial++) {
        int order[SLICES_MAX];
        for (int i = 0; i < n; i++) order[i] = i;
        for (int i = n - 1; i > 0 && trial > 0; i--) {
            const int k = (int)random_below(r, (uint64_t)i + 1), swap = order[i];
            order[i] = order[k];
            order[k] = swap;
        }
        s.most = 0;
        memset(s.is_used, 0, sizeof s.is_used);
        slice_tree_begin(&s.tree);
        for (int i = 0; i < n; i++) {
            CHECK_EQUAL(slice_tree_root(&s.tree), -1);
            const int block = finish(&s, order[i]);
            if (trial == 0) CHECK_EQUAL(block, bits(i));
        }
        const int root = slice_tree_root(&s.tree);
        CHECK_TRUE(root >= 0 && memcmp(&s.value[root], &expected, sizeof expected) == 0);
        if (trial == 0) CHECK_EQUAL(root, 0);
        if (trial == 0) CHECK_TRUE(s.most <= slice_tree_blocks(n));
    }
    slice_tree_release(&s.tree);
}

int main(void) {
    const char *text = getenv("SAPWOOD_TEST_SEED");
    const uint64_t seed = text ? strtoull(text, NULL, 10) : 1;
    struct random r = random_begin(seed, RANDOM_TEST, 7, 0);
    printf("SAPWOOD_TEST_SEED=%llu\n", (unsigned long long)seed);
    int differs = 0;
    for (int n = 1; n <= SLICES_MAX; n++) {
        float running = 0;
        for (int i = 0; i < n; i++) leaf[i] = random_normal(&r) * (i % 3 ? 1 : 1000);
        for (int i = 0; i < n; i++) running += leaf[i];
        differs += running != sum_of(0, n);
        check_orders(n, &r);
    }
    CHECK_TRUE(differs > SLICES_MAX / 2); /* the numbers tell one order from another */
    CHECK_EQUAL(slice_tree_blocks(1), 1);
    CHECK_EQUAL(slice_tree_blocks(16), 5);
    CHECK_EQUAL(slice_tree_blocks(17), 6);
    return check_report();
}
