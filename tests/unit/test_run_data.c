/* What the stages of a recipe read. A domain that comes back must not come back in the same order
 * and with the same crops; the same stage is the same however often it is asked for. */
#include "data/stream/stream_order.h"
#include "pipeline/train/run_data.h"
#include "tests/check.h"
#include "tests/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 4, SLOTS_MAX = 64 };

static struct error e;

/* The seed of a stage, and the samples of update in its first steps; returns how many. */
static int read_stage(struct run_data *d, int stage, uint64_t *seed, int64_t *samples) {
    struct stream_config c;
    struct stream_order *o = NULL;
    struct stream_place places[SLOTS_MAX];
    int n = 0;
    if (!CHECK_EQUAL(run_data_stage_parts(d, stage, &c, &e), STATUS_OK) ||
        !CHECK_EQUAL(stream_order_create(&o, &c, &e), STATUS_OK)) {
        printf("    %s\n", e.text);
        exit(1);
    }
    *seed = c.seed;
    CHECK(stream_order_slots(o) <= SLOTS_MAX);
    for (int64_t step = 0; step < STEPS; step++) {
        stream_order_step(o, step, places);
        for (int i = 0; i < stream_order_slots(o); i++)
            if (c.part[places[i].part].role == BATCH_ROLE_UPDATE) samples[n++] = places[i].sample;
    }
    stream_order_destroy(&o);
    return n;
}

/* Two stages of the same pictures. */
static void test_stages(void) {
    static const char *const settings[] = {
        "data.buffer=null",
        "stages.1.sources.0.name=emoji",
        "stages.1.sources.0.shards=../tests/fixtures/emoji-train.tar",
    };
    struct recipe *r = NULL;
    struct run_data d;
    uint64_t seed[2], again;
    int64_t samples[2][STEPS * SLOTS_MAX], same[STEPS * SLOTS_MAX];
    int n = 0, n_moved = 0;
    if (!CHECK_EQUAL(recipe_read(&r, SAPWOOD_SOURCE_DIR "/recipes/tiny.json", settings, 3, &e),
                     STATUS_OK) ||
        !CHECK_EQUAL(run_data_open(&d, r, NULL, true, &e), STATUS_OK)) {
        printf("    %s\n", e.text);
        exit(1);
    }
    for (int stage = 0; stage < 2; stage++) {
        n = read_stage(&d, stage, &seed[stage], samples[stage]);
        CHECK_TRUE(n >= STEPS * 8);
        CHECK_EQUAL(read_stage(&d, stage, &again, same), n);
        CHECK_TRUE(again == seed[stage]);
        for (int i = 0; i < n; i++) CHECK_EQUAL(same[i], samples[stage][i]);
    }
    CHECK_TRUE(seed[0] != seed[1]); /* crops, captions and tags */
    for (int i = 0; i < n; i++) n_moved += samples[0][i] != samples[1][i];
    CHECK_TRUE(n_moved > n / 2);
    run_data_close(&d);
    recipe_destroy(&r);
}

/* The digest of the data of two stages with a list of classes each. */
static uint64_t digest_of_lists(const char *const lists[2]) {
    char setting[3][FIXTURE_PATH_MAX + 128] = {"data.buffer=null"};
    struct recipe *r = NULL;
    struct run_data d;
    for (int i = 0; i < 2; i++) {
        const char *path = fixture_path(fixture_folder(), i ? "second.json" : "first.json");
        fixture_write(path, lists[i], strlen(lists[i]));
        snprintf(setting[1 + i], sizeof setting[0],
                 "stages.%d.ordering={\"list\": \"%s\", \"chunks\": 2, \"chunk\": 1, "
                 "\"reversed\": false}",
                 i, path);
    }
    if (!CHECK_EQUAL(recipe_read(&r, SAPWOOD_SOURCE_DIR "/recipes/tiny.json",
                                 (const char *[]){setting[0], setting[1], setting[2]}, 3, &e),
                     STATUS_OK) ||
        !CHECK_EQUAL(run_data_open(&d, r, NULL, true, &e), STATUS_OK)) {
        printf("    %s\n", e.text);
        exit(1);
    }
    const uint64_t digest = run_data_digest(&d);
    run_data_close(&d);
    recipe_destroy(&r);
    return digest;
}

/* Every list counts, and which stage has it. */
static void test_lists(void) {
    static const char a[] = "[\"emoji+++a\", \"emoji+++b\"]";
    static const char b[] = "[\"emoji+++b\", \"emoji+++a\"]";
    static const char *const lists[][2] = {{a, a}, {a, b}, {b, a}, {b, b}};
    uint64_t digest[4];
    for (int i = 0; i < 4; i++) {
        digest[i] = digest_of_lists(lists[i]);
        for (int k = 0; k < i; k++) CHECK_TRUE(digest[i] != digest[k]);
    }
    CHECK_TRUE(digest_of_lists(lists[0]) == digest[0]);
}

int main(void) {
    test_stages();
    test_lists();
    return check_report();
}
