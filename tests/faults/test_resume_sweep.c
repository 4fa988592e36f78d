/* A run that is stopped after a step and goes on in a new job has the bytes of one that was not:
 * for each of 64 steps, stage boundaries and checkpoints among them, and for chains of 5 stops at
 * random steps. All parts of the tiny recipe are in it: adapters, teacher, references, ledger.
 *   arguments: SEED, stops to try (64: all), chains; without them 10 and 3, which differ by seed
 * Also: what a job holds that is not declared as state is not carried over, since each part of a
 * run begins with fresh memory that is filled with 0xA5. */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pipeline/base/log.h"
#include "pipeline/base/random.h"
#include "pipeline/base/stop.h"
#include "pipeline/train/trainer.h"
#include "tests/check.h"
#include "tests/fixture.h"

enum { STEPS = 64, FIRST_STAGE = 27, CHAIN = 5 };

/* The step, counted over both stages, in which the signal comes; -1: none. */
static int64_t stop_in;
static int64_t first_step; /* of the stage that is being trained */
static int64_t last_fed;

enum status __real_learner_feed(struct learner *, const struct batch *, struct error *);
enum status __wrap_learner_feed(struct learner *, const struct batch *, struct error *);
enum status __wrap_learner_feed(struct learner *l, const struct batch *batch, struct error *e) {
    if (batch->step < last_fed) first_step = FIRST_STAGE; /* steps of a stage count from 0 */
    last_fed = batch->step;
    if (first_step + batch->step == stop_in) stop_request();
    return __real_learner_feed(l, batch, e);
}

/* Trains from where the run is until the end, or until it was stopped in step stop. */
static enum status train(const char *run, int64_t from, int64_t stop, int threads,
                         struct error *e) {
    char first[64], second[64], number[64], loader[64];
    snprintf(first, sizeof first, "stages.0.steps=%d", FIRST_STAGE);
    snprintf(second, sizeof second, "stages.1.steps=%d", STEPS - FIRST_STAGE);
    snprintf(number, sizeof number, "threads=%d", threads);
    snprintf(loader, sizeof loader, "data.loader_threads=%d", 3 - threads);
    const char *const settings[] = {
        first, second, number, loader, "evaluation.sets=[]", "checkpoint.every=9"};
    struct recipe *r = NULL;
    enum status rc = recipe_read(&r, SAPWOOD_SOURCE_DIR "/recipes/tiny.json", settings,
                                 sizeof settings / sizeof *settings, e);
    if (rc != STATUS_OK) return rc;
    stop_clear();
    stop_in = stop;
    first_step = from >= FIRST_STAGE ? FIRST_STAGE : 0;
    last_fed = -1;
    const struct trainer_options o = {.recipe = r, .run = run, .resume = "auto"};
    rc = trainer_run(&o, e);
    recipe_destroy(&r);
    return rc;
}

static bool same_file(const char *a, const char *b, const char *name) {
    char path[FILE_PATH_MAX], *x = NULL, *y = NULL;
    size_t n_x = 0, n_y = 0;
    const bool same = file_join(path, a, name, NULL) == STATUS_OK &&
                      file_read_all(&x, &n_x, path, 1 << 26, NULL) == STATUS_OK &&
                      file_join(path, b, name, NULL) == STATUS_OK &&
                      file_read_all(&y, &n_y, path, 1 << 26, NULL) == STATUS_OK && n_x == n_y &&
                      !memcmp(x, y, n_x);
    free(x);
    free(y);
    if (!same) printf("%s differs\n", name);
    return same;
}

static bool same_end(const char *a, const char *b) {
    static const char *const files[] = {"metrics.jsonl",
                                        "quarantine.jsonl",
                                        "skipped.jsonl",
                                        "weights/adapters.safetensors",
                                        "checkpoints/step_00000064/model.safetensors",
                                        "checkpoints/step_00000064/state.safetensors",
                                        "checkpoints/step_00000064/MANIFEST.json"};
    bool same = true;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        same = same_file(a, b, files[i]) && same;
    return same;
}

/* Stops in each of these steps (rising), then goes to the end; the bytes of plain are expected. */
static bool stopped_is_same(const char *plain, const char *run, const int64_t *stop, int n) {
    struct error e = {0};
    bool good = true;
    int64_t from = 0;
    CHECK(file_remove_tree(run, NULL) == STATUS_OK);
    for (int i = 0; i < n; i++) {
        const enum status rc = train(run, from, stop[i], 1 + i % 2, &e);
        from = stop[i] + 1;
        /* A stop in the last step of all comes to the end. */
        good = good && rc == (stop[i] == STEPS - 1 ? STATUS_OK : STATUS_STOPPED);
    }
    good = good && train(run, from, -1, 2, &e) == STATUS_OK && same_end(plain, run);
    if (!good) {
        printf("stopped in steps");
        for (int i = 0; i < n; i++) printf(" %" PRId64, stop[i]);
        printf(": %s\n", e.text);
    }
    return good;
}

static int compare(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    const uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : (uint64_t)time(NULL);
    const int n_stops = argc > 2 ? (int)strtol(argv[2], NULL, 10) : check_count(10, STEPS);
    const int n_chains = argc > 3 ? (int)strtol(argv[3], NULL, 10) : check_count(3, 50);
    const char *folder = fixture_folder();
    char plain[FIXTURE_PATH_MAX], run[FIXTURE_PATH_MAX];
    struct error e = {0};
    int n_good = 0;
    printf("seed %" PRIu64 " (arguments: SEED STOPS CHAINS)\n", seed);
    snprintf(plain, sizeof plain, "%s/plain", folder);
    snprintf(run, sizeof run, "%s/run", folder);
    log_set_level(LOG_ERROR);
    mallopt(M_PERTURB, 0x5A); /* fresh memory holds 0xA5 */
    CHECK_EQUAL(train(plain, 0, -1, 1, &e), STATUS_OK);

    /* The stage boundary and a checkpoint with their neighbours first, then others by seed. */
    static const int64_t always[] = {26, 27, 25, 0, 63, 8, 9, 7};
    bool tried[STEPS] = {false};
    for (int i = 0; i < n_stops && i < STEPS; i++) {
        int64_t stop = i < 8 ? always[i] : -1;
        for (uint64_t k = 0; stop < 0; k++) {
            const int64_t drawn = (int64_t)random_permute(seed, RANDOM_TEST, 1, k, STEPS);
            if (!tried[drawn]) stop = drawn;
        }
        tried[stop] = true;
        n_good += stopped_is_same(plain, run, &stop, 1);
    }
    CHECK_EQUAL(n_good, n_stops < STEPS ? n_stops : STEPS);
    printf("%d of %d single stops\n", n_good, n_stops);
    n_good = 0;
    for (int chain = 0; chain < n_chains; chain++) {
        int64_t stop[CHAIN];
        for (int i = 0; i < CHAIN; i++)
            stop[i] = (int64_t)random_permute(seed, RANDOM_TEST, 2 + (uint64_t)chain, (uint64_t)i,
                                              STEPS - 1);
        qsort(stop, CHAIN, sizeof *stop, compare);
        n_good += stopped_is_same(plain, run, stop, CHAIN);
    }
    CHECK_EQUAL(n_good, n_chains);
    printf("%d of %d chains of %d\n", n_good, n_chains, CHAIN);
    return check_report();
}
