/* What the stages of a recipe read. A domain that comes back must not come back in the same order
 * and with the same crops; the same stage is the same however often it is asked for. */
#include "data/stream_order.h"
#include "pipeline/train/run_data.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>

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

int main(void) {
    test_stages();
    return check_report();
}
