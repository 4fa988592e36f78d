/* Orders of streams checked by counting: nothing missing, nothing twice, for parts with one source
 * or several, with samples of one source per step, and for sets of samples. The ledger counts the
 * same and is shown a loss, a repetition and a step too many. */
#include "data/stream/ledger.h"
#include "data/stream/stream_order.h"
#include "pipeline/base/random.h"
#include "tests/check.h"
#include "tests/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SETS = 8, ROUNDS = 2000, EPOCHS = 3, SLOTS_MAX = 24, SAMPLES_MAX = 70 };

static struct dataset *set[SETS];

static void make_sets(void) {
    const char *folder = fixture_folder();
    static const int shards[SETS] = {1, 1, 2, 3, 1, 5, 20, 1};
    static const int samples[SETS] = {1, 2, 7, 13, 31, 64, SAMPLES_MAX, 16};
    for (int i = 0; i < SETS; i++) {
        char name[64], spec[600];
        for (int shard = 0, next = 0; shard < shards[i]; shard++) {
            struct fixture_tar tar = {0};
            const int end = samples[i] * (shard + 1) / shards[i];
            for (; next < end; next++) {
                snprintf(name, sizeof name, "%d.txt", next);
                fixture_tar_text(&tar, name, "a caption");
            }
            fixture_tar_end(&tar);
            snprintf(name, sizeof name, "%d-%02d.tar", i, shard);
            fixture_write(fixture_path(folder, name), tar.bytes, tar.n);
            fixture_tar_release(&tar);
        }
        snprintf(name, sizeof name, "set%d", i);
        snprintf(spec, sizeof spec, "%s/%d-{00..%02d}.tar", folder, i, shards[i] - 1);
        const struct dataset_source source = {.name = name, .shards = spec};
        struct error e;
        if (!CHECK_EQUAL(dataset_open(&set[i], &source, &e), STATUS_OK)) {
            fprintf(stderr, "%s\n", e.text);
            exit(1);
        }
    }
}

/* A random half of the samples of two datasets. */
static struct selection *make_selection(struct random *r) {
    const struct dataset *of[2] = {set[2 + random_below(r, 3)], set[5 + random_below(r, 3)]};
    struct selection *s;
    struct error e;
    CHECK_EQUAL(selection_create(&s, "some", of, 2, &e), STATUS_OK);
    for (int d = 0; d < 2; d++)
        for (int64_t i = 0; i < dataset_counts(of[d]).samples; i++)
            if (i == 0 || random_below(r, 2)) selection_add(s, d, i);
    CHECK_EQUAL(selection_seal(s, &e), STATUS_OK);
    return s;
}

static struct stream_config random_config(struct random *r, struct selection **selection) {
    struct stream_config c = {.seed = random_u64(r), .n_parts = 1};
    struct stream_part *p = &c.part[0];
    *p = (struct stream_part){.role = BATCH_ROLE_UPDATE,
                              .n = 1 + (int)random_below(r, SLOTS_MAX),
                              .with_text = true,
                              .same_source = random_below(r, 4) == 0,
                              .n_sources = 1 + (int)random_below(r, 4)};
    const bool with_ratios = random_below(r, 2);
    const int first = (int)random_below(r, SETS);
    *selection = random_below(r, 3) == 0 ? make_selection(r) : NULL;
    for (int i = 0; i < p->n_sources; i++)
        p->source[i] = (struct stream_source){
            .dataset = set[(first + i) % SETS],
            .selection = i == 0 ? *selection : NULL,
            .ratio = with_ratios ? 1 + (double)random_below(r, 5) : 0,
        };
    return c;
}

struct seen {
    int n[SETS][SAMPLES_MAX]; /* draws of each sample in the epoch of its source */
    uint64_t draws;
};

static int set_number(const struct dataset *d) {
    int i = 0;
    while (set[i] != d) i++;
    return i;
}

/* Counts a draw; how many samples of the epoch that it ends did not come exactly once. */
static int count(struct seen *s, const struct stream_place *place, int64_t epoch) {
    int wrong = place->draw != s->draws++;
    s->n[set_number(place->dataset)][place->sample]++;
    if (s->draws % (uint64_t)epoch) return wrong;
    int64_t once = 0;
    for (int d = 0; d < SETS; d++)
        for (int i = 0; i < SAMPLES_MAX; i++) once += s->n[d][i] == 1;
    memset(s->n, 0, sizeof s->n);
    return wrong + (int)(epoch - once);
}

static void test_counting(void) {
    struct random r = random_begin(11, RANDOM_TEST, 0, 0);
    static struct seen seen[4];
    int wrong = 0, mixed = 0, broken_ledgers = 0;
    int64_t n_epochs = 0;
    for (int round = 0; round < ROUNDS; round++) {
        struct selection *selection;
        const struct stream_config c = random_config(&r, &selection);
        const int n_sources = c.part[0].n_sources, n = c.part[0].n;
        struct stream_place place[SLOTS_MAX];
        uint64_t id[SLOTS_MAX];
        uint8_t usable[SLOTS_MAX];
        const struct batch batch = {
            .n_parts = 1, .part = {{.role = BATCH_ROLE_UPDATE, .sample_id = id, .usable = usable}}};
        struct ledger ledger = {0};
        struct stream_order *o;
        struct error e;
        CHECK_TRUE(stream_order_create(&o, &c, &e) == STATUS_OK);
        CHECK_TRUE(ledger_open_stage(&ledger, 0, "stage", 0, o, &e) == STATUS_OK);
        memset(seen, 0, sizeof seen);
        int n_done = 0;
        int64_t step = 0;
        for (; n_done < n_sources; step++) {
            int sources = 0;
            stream_order_step(o, step, place);
            for (int i = 0; i < n; i++) {
                struct seen *s = &seen[place[i].source];
                const int64_t epoch = stream_order_epoch(o, 0, place[i].source);
                wrong += count(s, &place[i], epoch) + (place[i].slot != i || place[i].step != step);
                n_done += s->draws == EPOCHS * (uint64_t)epoch;
                n_epochs += s->draws % (uint64_t)epoch == 0;
                id[i] = dataset_sample(place[i].dataset, place[i].sample).id;
                usable[i] = random_below(&r, 10) > 0;
                sources |= 1 << place[i].source;
            }
            mixed += c.part[0].same_source && (sources & (sources - 1));
            broken_ledgers += ledger_count(&ledger, o, place, &batch, step % 3, &e) != STATUS_OK;
        }
        for (int i = 0; i < n_sources; i++)
            wrong += stream_order_draws(o, 0, i, step) != seen[i].draws;
        broken_ledgers += ledger_check(&ledger, o, step, &e) != STATUS_OK;
        broken_ledgers += ledger_check(&ledger, o, step + n_sources * 20, &e) == STATUS_OK;
        ledger_release(&ledger);
        stream_order_destroy(&o);
        selection_destroy(&selection);
    }
    CHECK_EQUAL(wrong, 0);
    CHECK_EQUAL(mixed, 0);
    CHECK_EQUAL(broken_ledgers, 0);
    CHECK_TRUE(n_epochs > EPOCHS * ROUNDS);
}

/* Two steps of a source of 16 samples in batches of 8, with one sample in place of another. */
static enum status count_epoch(int slot_that_repeats, struct ledger *ledger, struct error *e) {
    const struct stream_config c = {
        .seed = 5,
        .n_parts = 1,
        .part = {
            {.role = BATCH_ROLE_UPDATE, .n = 8, .n_sources = 1, .source = {{.dataset = set[7]}}}}};
    struct stream_place place[8];
    uint64_t id[8];
    uint8_t usable[8] = {1, 1, 0, 1, 1, 1, 1, 1};
    const struct batch batch = {
        .n_parts = 1, .part = {{.role = BATCH_ROLE_UPDATE, .sample_id = id, .usable = usable}}};
    struct stream_order *o;
    enum status rc = STATUS_OK;
    CHECK_EQUAL(stream_order_create(&o, &c, e), STATUS_OK);
    CHECK_EQUAL(ledger_open_stage(ledger, 0, "one", 0, o, e), STATUS_OK);
    for (int step = 0; step < 2 && rc == STATUS_OK; step++) {
        stream_order_step(o, step, place);
        for (int i = 0; i < 8; i++) id[i] = dataset_sample(place[i].dataset, place[i].sample).id;
        if (slot_that_repeats >= 0) id[slot_that_repeats] = id[(slot_that_repeats + 1) % 8];
        rc = ledger_count(ledger, o, place, &batch, step == 0, e);
    }
    stream_order_destroy(&o);
    return rc;
}

static void test_ledger(void) {
    const char *path = fixture_path(fixture_folder(), "ledger.json");
    struct ledger ledger = {0}, read, then = {0};
    struct text text = {0};
    struct error e = {0};
    CHECK_EQUAL(count_epoch(-1, &ledger, &e), STATUS_OK);
    CHECK_EQUAL(ledger.n, 1);
    CHECK_EQUAL(ledger.line[0].trained, 7);
    CHECK_EQUAL(ledger.line[0].quarantined, 2);
    CHECK_EQUAL(ledger.line[0].skipped, 7);
    CHECK_EQUAL(ledger_tail(&ledger.line[0]), 0);
    ledger.line[0].skipped -= 3;
    CHECK_EQUAL(ledger_tail(&ledger.line[0]), 3);
    ledger.line[0].epoch_sum = 0x8000000000000001u;
    ledger_write(&ledger, &text);
    fixture_write(path, text.bytes, text.n);
    CHECK_EQUAL(ledger_read(&read, path, &e), STATUS_OK);
    CHECK_EQUAL(read.n, 1);
    CHECK_TRUE(memcmp(read.line, ledger.line, sizeof *read.line) == 0);
    /* A stage whose recipe was changed: its numbers cannot be compared any more. */
    ledger_mark_changed(&read, 1);
    CHECK_TRUE(!read.line[0].is_changed);
    read.line[0].number = 2; /* a later one that the run was in before goes on too */
    ledger_mark_changed(&read, 1);
    CHECK_TRUE(read.line[0].is_changed);
    read.line[0].number = 0;
    CHECK_EQUAL(count_epoch(0, &read, &e), STATUS_OK);
    CHECK_EQUAL(read.line[0].trained, 14);
    /* Back to the weights of the beginning: what was trained since does not count. */
    ledger_undo(&read, &then);
    CHECK_EQUAL(read.line[0].trained, 0);
    CHECK_EQUAL(read.line[0].skipped, 25);
    ledger_release(&read);
    fixture_write(path, "{\"lines\": [{\"number\": 0}]}", 26);
    CHECK_EQUAL(ledger_read(&read, path, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "stage") != NULL);
    ledger_release(&ledger);
    for (int slot = 0; slot < 8; slot++) {
        CHECK_EQUAL(count_epoch(slot, &ledger, &e), STATUS_FAILED);
        CHECK_TRUE(strstr(e.text, "one update, source set7, epoch 0") != NULL);
        ledger_release(&ledger);
    }
    text_release(&text);
}

/* Step a million costs what step ten does: its samples are found without those before. */
static double time_steps(int64_t from) {
    struct stream_config c = {.seed = 1, .n_parts = 1};
    struct stream_place place[SLOTS_MAX];
    struct stream_order *o;
    struct error e;
    c.part[0] = (struct stream_part){.role = BATCH_ROLE_UPDATE,
                                     .n = SLOTS_MAX,
                                     .n_sources = 2,
                                     .source = {{.dataset = set[5]}, {.dataset = set[6]}}};
    const clock_t start = clock();
    for (int i = 0; i < 20; i++) {
        CHECK_TRUE(stream_order_create(&o, &c, &e) == STATUS_OK);
        for (int step = 0; step < 10; step++) stream_order_step(o, from + step, place);
        stream_order_destroy(&o);
    }
    return (double)(clock() - start) / CLOCKS_PER_SEC;
}

int main(void) {
    make_sets();
    test_counting();
    test_ledger();
    /* A walk over a million steps takes about a second; the room is for a busy machine. */
    CHECK_TRUE(time_steps(1000000) < 20 * time_steps(10) + 0.1);
    for (int i = 0; i < SETS; i++) dataset_close(&set[i]);
    return check_report();
}
