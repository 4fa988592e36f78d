/* Buffers of past samples: what they hold is known from the shards built here and from the rules in
 * the headers; shares of a step are those of FoMo-in-Flux. */
#include "data/stream/replay.h"
#include "pipeline/recipe/recipe.h"
#include "tests/check.h"
#include "tests/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { A = 40, B = 24, N = A + B };

static struct dataset *set_a, *set_b;

/* Classes of a: 0 to 3 in turn; of b: 4 for all but the last two, which have no label. */
static struct dataset *make_set(const char *name, int n, int n_classes, int first_class) {
    struct fixture_tar tar = {0};
    char member[64], label[16];
    struct dataset *d;
    struct error e;
    for (int i = 0; i < n; i++) {
        snprintf(member, sizeof member, "%d.txt", i);
        fixture_tar_text(&tar, member, "x");
        snprintf(member, sizeof member, "%d.cls", i);
        snprintf(label, sizeof label, "%d", first_class + i % n_classes);
        if (n_classes > 1 || i < n - 2) fixture_tar_text(&tar, member, label);
    }
    fixture_tar_end(&tar);
    const char *path = fixture_path(fixture_folder(), "s.tar");
    fixture_write(path, tar.bytes, tar.n);
    fixture_tar_release(&tar);
    const struct dataset_source source = {.name = name, .shards = path};
    if (!CHECK_EQUAL(dataset_open(&d, &source, &e), STATUS_OK)) exit(1);
    return d;
}

static struct stream_config update_config(uint64_t seed, const struct dataset *d, int n) {
    struct stream_config c = {.seed = seed, .n_parts = 1};
    c.part[0] = (struct stream_part){
        .role = BATCH_ROLE_UPDATE, .n = n, .n_sources = 1, .source = {{.dataset = d}}};
    return c;
}

static struct selection *empty_past(void) {
    struct selection *past;
    struct error e;
    const struct dataset *sets[] = {set_a, set_b};
    CHECK_EQUAL(selection_create(&past, "past", sets, 2, &e), STATUS_OK);
    return past;
}

static void add_stage(struct selection *past, const struct stream_config *c, int64_t n_steps) {
    struct stream_order *o;
    struct error e;
    CHECK_EQUAL(stream_order_create(&o, c, &e), STATUS_OK);
    replay_add_past(past, o, c, 0, n_steps);
    stream_order_destroy(&o);
}

/* Every sample that the steps drew and no other; one drawn in two stages once. */
static void test_past(void) {
    struct selection *past = empty_past();
    const struct stream_config first = update_config(1, set_a, 8),
                               second = update_config(2, set_a, 8);
    bool drawn[A] = {false};
    struct stream_place place[8];
    struct stream_order *o;
    struct error e;
    int n = 0, wrong = 0;
    for (int stage = 0; stage < 2; stage++) {
        const struct stream_config *c = stage ? &second : &first;
        CHECK_EQUAL(stream_order_create(&o, c, &e), STATUS_OK);
        for (int step = 0; step < 3; step++) {
            stream_order_step(o, step, place);
            for (int i = 0; i < 8; i++) drawn[place[i].sample] = true;
        }
        stream_order_destroy(&o);
        add_stage(past, c, 3);
    }
    CHECK_EQUAL(selection_seal(past, &e), STATUS_OK);
    for (int i = 0; i < A; i++) n += drawn[i];
    CHECK_TRUE(n > 24 && n < A);
    CHECK_EQUAL(past->n, n);
    for (int64_t i = 0; i < past->n; i++)
        wrong += selection_dataset(past, i) != 0 || !drawn[past->sample[i]];
    CHECK_EQUAL(wrong, 0);
    selection_destroy(&past);
    past = empty_past();
    add_stage(past, &first, 1000); /* many epochs have no more samples than one */
    CHECK_EQUAL(past->n, A);
    selection_destroy(&past);
}

/* Which of all samples a buffer holds; all of both sets, or of a alone, are past. */
static int64_t choose(bool *held, bool with_b, enum replay_keep keep, int64_t capacity,
                      uint64_t seed) {
    struct selection *past = empty_past(), *buffer;
    struct error e = {0};
    const struct stream_config a = update_config(1, set_a, 8), b = update_config(2, set_b, 8);
    add_stage(past, &a, 5);
    if (with_b) add_stage(past, &b, 3);
    CHECK_TRUE(selection_seal(past, &e) == STATUS_OK);
    if (!CHECK_TRUE(replay_choose(&buffer, past, keep, capacity, seed, &e) == STATUS_OK))
        fprintf(stderr, "    %s\n", e.text);
    const int64_t n = buffer->n;
    memset(held, 0, N * sizeof *held);
    for (int64_t i = 0; i < n; i++)
        held[(selection_dataset(buffer, i) ? A : 0) + buffer->sample[i]] = true;
    selection_destroy(&buffer);
    selection_destroy(&past);
    return n;
}

static void test_all(void) {
    bool held[N];
    CHECK_EQUAL(choose(held, true, REPLAY_ALL, 0, 1), N);
    CHECK_EQUAL(choose(held, true, REPLAY_RESERVOIR, 1000, 1), N);
    CHECK_EQUAL(choose(held, true, REPLAY_CLASS_BALANCED, 1000, 1), N);
}

/* Each sample is held with probability capacity / n. Over 2000 seeds four deviations are 0.042 for
 * 20 of 64. What left the buffer does not come back: of a buffer after b, the samples of a are some
 * of those before b. */
static void test_reservoir(void) {
    enum { SEEDS = 2000, CAPACITY = 20 };
    static int times[N];
    bool before[N], after[N];
    int came_back = 0, wrong_size = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        wrong_size += choose(before, false, REPLAY_RESERVOIR, CAPACITY, seed) != CAPACITY;
        wrong_size += choose(after, true, REPLAY_RESERVOIR, CAPACITY, seed) != CAPACITY;
        for (int i = 0; i < N; i++) times[i] += after[i];
        for (int i = 0; i < A; i++) came_back += after[i] && !before[i];
    }
    CHECK_EQUAL(wrong_size, 0);
    CHECK_EQUAL(came_back, 0);
    for (int i = 0; i < N; i++) CHECK_CLOSE(times[i] / (double)SEEDS, CAPACITY / (double)N, 0.042);
}

/* Six groups: classes 0 to 3 with 10 samples each, class 4 with 22, 2 without a label. */
static void count_groups(const bool *held, int groups[6]) {
    memset(groups, 0, 6 * sizeof *groups);
    for (int i = 0; i < N; i++) groups[i < A ? i % 4 : i < N - 2 ? 4 : 5] += held[i];
}

static void test_class_balanced(void) {
    bool before[N], after[N];
    int groups[6], came_back = 0;
    CHECK_EQUAL(choose(after, true, REPLAY_CLASS_BALANCED, 22, 3), 22);
    count_groups(after, groups);
    for (int i = 0; i < 5; i++) CHECK_EQUAL(groups[i], 4); /* 5 * 4 + 2 */
    CHECK_EQUAL(groups[5], 2);
    /* One too few for another full round: three classes of five have one more. */
    CHECK_EQUAL(choose(after, true, REPLAY_CLASS_BALANCED, 25, 3), 25);
    count_groups(after, groups);
    int more = 0;
    for (int i = 0; i < 5; i++) {
        CHECK_TRUE(groups[i] == 4 || groups[i] == 5);
        more += groups[i] == 5;
    }
    CHECK_EQUAL(more, 3);
    /* Larger than the small classes: the large one takes the rest. */
    CHECK_EQUAL(choose(after, true, REPLAY_CLASS_BALANCED, 60, 3), 60);
    count_groups(after, groups);
    CHECK_EQUAL(groups[4], 18);
    for (uint64_t seed = 0; seed < 50; seed++) {
        choose(before, false, REPLAY_CLASS_BALANCED, 21, seed);
        choose(after, true, REPLAY_CLASS_BALANCED, 21, seed);
        for (int i = 0; i < A; i++) came_back += after[i] && !before[i];
    }
    CHECK_EQUAL(came_back, 0);
}

static void test_no_labels(void) {
    struct selection *past = empty_past(), *buffer;
    struct error e;
    selection_add(past, 1, B - 1);
    CHECK_EQUAL(selection_seal(past, &e), STATUS_OK);
    CHECK_EQUAL(replay_choose(&buffer, past, REPLAY_CLASS_BALANCED, 5, 1, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "no past sample has a label") != NULL);
    CHECK_TRUE(buffer == NULL);
    selection_destroy(&past);
}

/* n_k = floor(batch ratio_k), the rest one by one to pretrain, update, buffer: 512 at .33, .34, .33
 * are 168.96, 174.08, 168.96; in the first task the buffer's 168 are halved. */
static void mixture_is(double pretrain, double buffer, int pairs, const int first[3],
                       const int later[3]) {
    struct recipe_part update = {.n = pairs}, old = {.share = pretrain}, past = {.share = buffer};
    struct recipe r = {.optimizer.accum_freq = 1};
    int slots[BATCH_ROLE_COUNT];
    r.data.part[BATCH_ROLE_UPDATE] = &update;
    if (pretrain > 0) r.data.part[BATCH_ROLE_PRETRAIN] = &old;
    if (buffer > 0) r.data.part[BATCH_ROLE_BUFFER] = &past;
    for (int stage = 0; stage < 3; stage++) {
        const int *expected = stage ? later : first;
        recipe_mixture(&r, stage, slots);
        CHECK_EQUAL(slots[BATCH_ROLE_PRETRAIN], expected[0]);
        CHECK_EQUAL(slots[BATCH_ROLE_UPDATE], expected[1]);
        CHECK_EQUAL(slots[BATCH_ROLE_BUFFER], expected[2]);
        CHECK_EQUAL(slots[BATCH_ROLE_VIEW], 0);
    }
}

static void test_mixture(void) {
    mixture_is(0.33, 0.33, 512, (const int[]){253, 259, 0}, (const int[]){169, 175, 168});
    mixture_is(0, 0.5, 16, (const int[]){0, 16, 0}, (const int[]){0, 8, 8});
    mixture_is(0.25, 0, 16, (const int[]){4, 12, 0}, (const int[]){4, 12, 0});
    /* 3.3, 3.4, 3.3: one is left; the odd one of the empty buffer is update's */
    mixture_is(0.33, 0.33, 10, (const int[]){5, 5, 0}, (const int[]){4, 3, 3});
    mixture_is(0.1, 0.7, 10, (const int[]){4, 6, 0}, (const int[]){1, 2, 7});
    mixture_is(0, 0, 64, (const int[]){0, 64, 0}, (const int[]){0, 64, 0});
}

int main(void) {
    set_a = make_set("a", A, 4, 0);
    set_b = make_set("b", B, 1, 4);
    test_past();
    test_all();
    test_reservoir();
    test_class_balanced();
    test_no_labels();
    test_mixture();
    dataset_close(&set_a);
    dataset_close(&set_b);
    return check_report();
}
