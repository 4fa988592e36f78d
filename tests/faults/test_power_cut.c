/* Loss of power at any moment of a run: its file operations are recorded (disk_recorder.h), and for
 * every prefix of them the disks that may be left are made: what was not synced is dropped, kept or
 * torn. On each, the newest checkpoint must be at least the last one that was committed, with
 * exactly its bytes and its logs, without a warning; the recipe and the weights of a run that has
 * ended are there. From some of them the run goes on to its end, which must be that of an
 * undisturbed run.
 * With the syncs left out the same test must find lost checkpoints, or it proves nothing.
 *   arguments: SEED, every how many operations (1: all), states for each */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pipeline/base/log.h"
#include "pipeline/run/checkpoint_list.h"
#include "pipeline/train/trainer.h"
#include "tests/check.h"
#include "tests/faults/disk_model.h"
#include "tests/faults/disk_recorder.h"
#include "tests/fixture.h"

enum { STEPS = 5, RESUMES = 5 };

static const char *recorded_run; /* NULL: nothing is recorded */

enum status __real_checkpoint_commit(struct checkpoint_writer **, const struct checkpoint_about *,
                                     struct error *);
enum status __wrap_checkpoint_commit(struct checkpoint_writer **, const struct checkpoint_about *,
                                     struct error *);
enum status __wrap_checkpoint_commit(struct checkpoint_writer **w,
                                     const struct checkpoint_about *about, struct error *e) {
    const enum status rc = __real_checkpoint_commit(w, about, e);
    struct checkpoint_list list = {0};
    if (rc != STATUS_OK || !recorded_run) return rc;
    CHECK(checkpoint_list_read(&list, recorded_run, NULL) == STATUS_OK && list.n);
    disk_recorder_promise(list.step[0]);
    checkpoint_list_release(&list);
    return rc;
}

/* --- Runs --- */

static enum status train(const char *run, const char *keep, const char *cache, struct error *e) {
    char steps[64];
    snprintf(steps, sizeof steps, "stages.0.steps=%d", STEPS - 2);
    const char *const settings[] = {steps,
                                    keep,
                                    cache,
                                    "stages.1.steps=2",
                                    "losses=[{\"type\":\"clip\"}]",
                                    "data.ref_image=null",
                                    "data.ref_text=null",
                                    "data.view=null",
                                    "model.uniadapter=null",
                                    "model.lora.rank=1",
                                    "data.update.batch_size=8",
                                    "checkpoint.every=1",
                                    "threads=1",
                                    "non_finite=stop"}; /* no old checkpoints beside keep */
    struct recipe *r = NULL;
    enum status rc = recipe_read(&r, SAPWOOD_SOURCE_DIR "/recipes/tiny.json", settings,
                                 sizeof settings / sizeof *settings, e);
    if (rc != STATUS_OK) return rc;
    const struct trainer_options o = {.recipe = r, .run = run, .resume = "auto"};
    rc = trainer_run(&o, e);
    recipe_destroy(&r);
    return rc;
}

/* Bytes of a file up to n of them; the caller frees them. */
static char *read_file(const char *folder, const char *name, size_t *n) {
    char path[FILE_PATH_MAX], *bytes = NULL;
    CHECK(file_join(path, folder, name, NULL) == STATUS_OK);
    *n = 0;
    return file_read_all(&bytes, n, path, 1 << 26, NULL) == STATUS_OK ? bytes : NULL;
}

static bool same_file(const char *a, const char *b, const char *name) {
    size_t n_x, n_y;
    char *x = read_file(a, name, &n_x), *y = read_file(b, name, &n_y);
    const bool same = x && y && n_x == n_y && !memcmp(x, y, n_x);
    free(x);
    free(y);
    return same;
}

static const char *const checkpoint_files[] = {"model.safetensors", "state.safetensors",
                                               "recipe.json", CHECKPOINT_LIST_MANIFEST};

/* The logs of a run begin as those of the reference do, as far as the checkpoint says. */
static bool has_logs(const struct checkpoint *c, const char *run, const char *reference) {
    static const char *const logs[] = {"metrics.jsonl", "evaluation.jsonl"};
    if (checkpoint_check_logs(c, run, NULL) != STATUS_OK ||
        checkpoint_cut_logs(c, run, NULL) != STATUS_OK)
        return false;
    for (size_t i = 0; i < sizeof logs / sizeof *logs; i++) {
        size_t n_x, n_y;
        char *x = read_file(run, logs[i], &n_x), *y = read_file(reference, logs[i], &n_y);
        const bool same = n_x <= n_y && (n_x == 0 || !memcmp(x, y, n_x));
        free(x);
        free(y);
        if (!same) return false;
    }
    return true;
}

/* What is wrong with what a cut left; NULL: nothing. */
static const char *wrong(const char *disk, const char *run, const char *reference,
                         int64_t promised) {
    struct checkpoint *c = NULL;
    struct text warnings = {0};
    struct error e;
    char folder[FILE_PATH_MAX];
    const char *found = NULL;
    const enum status rc = checkpoint_find(&c, run, &warnings, &e);
    if (rc == STATUS_NOT_FOUND && promised >= 0)
        found = "all checkpoints are gone";
    else if (rc != STATUS_OK && rc != STATUS_NOT_FOUND)
        found = "no valid checkpoint";
    else if (warnings.n)
        found = "a damaged checkpoint";
    else if (rc == STATUS_OK && checkpoint_step(c) < promised)
        found = "a committed checkpoint is lost";
    for (size_t i = 0; !found && c && i < sizeof checkpoint_files / sizeof *checkpoint_files; i++) {
        CHECK(checkpoint_list_path(folder, reference, "", checkpoint_step(c), NULL) == STATUS_OK);
        if (!same_file(folder, checkpoint_folder(c), checkpoint_files[i])) found = "other bytes";
    }
    if (!found && c && !has_logs(c, run, reference)) found = "other logs";
    if (!found) found = disk_model_unkept(disk);
    checkpoint_destroy(&c);
    text_release(&warnings);
    return found;
}

/* Cuts the power in the recorded run; returns the number of bad disks. */
static int cut_everywhere(const char *folder, const char *reference, struct random *random,
                          int stride, int n_states, bool is_shown, int *n_cuts, int *n_promised) {
    char disk[FILE_PATH_MAX], run[FILE_PATH_MAX];
    int n_bad = 0;
    CHECK(file_join(disk, folder, "cut", NULL) == STATUS_OK);
    CHECK(file_join(run, disk, "run", NULL) == STATUS_OK);
    const int n = disk_model_replay(0);
    *n_cuts = *n_promised = 0;
    int at = (int)random_below(random, (uint64_t)stride);
    for (bool is_last = false; !is_last; at = n - at > stride ? at + stride : n) {
        is_last = at == n; /* in any case: there all is promised */
        disk_model_replay(at);
        for (int s = 0; s < n_states; s++, ++*n_cuts) {
            const enum disk_model_fate fate = s == 0   ? DISK_MODEL_DROP
                                              : s == 1 ? DISK_MODEL_KEEP
                                                       : DISK_MODEL_TEAR;
            disk_model_cut(disk, fate, random);
            const char *what = wrong(disk, run, reference, disk_model_promised());
            *n_promised += disk_model_promised() >= 0;
            if (!what) continue;
            if (is_shown && n_bad < 10)
                printf("after %d of %d operations, state %d, step %" PRId64 " committed: %s\n", at,
                       n, s, disk_model_promised(), what);
            n_bad++;
        }
    }
    return n_bad;
}

/* Records a run in folder/disk/run. */
static void record(const char *folder, const char *cache, bool with_syncs) {
    static const char *const results[] = {"recipe.resolved.json", "weights/adapters.safetensors"};
    static char disk[FILE_PATH_MAX], run[FILE_PATH_MAX];
    char path[FILE_PATH_MAX];
    struct error e = {0};
    CHECK(file_join(disk, folder, with_syncs ? "disk" : "unsynced", NULL) == STATUS_OK);
    CHECK(file_join(run, disk, "run", NULL) == STATUS_OK);
    CHECK(file_make_folder(disk, NULL) == STATUS_OK);
    recorded_run = run;
    disk_recorder_begin(disk, with_syncs);
    CHECK_EQUAL(train(run, "checkpoint.keep=2", cache, &e), STATUS_OK);
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        CHECK(file_join(path, run, results[i], NULL) == STATUS_OK);
        disk_recorder_keep(path);
    }
    disk_recorder_end();
    recorded_run = NULL;
}

int main(int argc, char **argv) {
    const uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : (uint64_t)time(NULL);
    const int stride = argc > 2 ? (int)strtol(argv[2], NULL, 10) : check_count(7, 1);
    const int n_states = argc > 3 ? (int)strtol(argv[3], NULL, 10) : check_count(4, 16);
    const char *folder = fixture_folder();
    struct random random = random_begin(seed, RANDOM_TEST, 1, 0);
    char reference[FIXTURE_PATH_MAX], cut[FIXTURE_PATH_MAX], cache[FIXTURE_PATH_MAX + 16];
    struct error e = {0};
    int n_cuts = 0, n_promised = 0;
    printf("seed %" PRIu64 " (arguments: SEED STRIDE STATES)\n", seed);
    snprintf(reference, sizeof reference, "%s/reference", folder);
    snprintf(cut, sizeof cut, "%s/cut/run", folder);
    snprintf(cache, sizeof cache, "data.cache=%s/cache", folder);
    log_set_level(LOG_ERROR);
    CHECK_EQUAL(train(reference, "checkpoint.keep=100", cache, &e), STATUS_OK);

    record(folder, cache, true);
    const int n_bad =
        cut_everywhere(folder, reference, &random, stride, n_states, true, &n_cuts, &n_promised);
    CHECK_EQUAL(n_bad, 0);
    CHECK_TRUE(n_promised > n_cuts / 2);
    printf("%d cuts in %d operations, %d after a commit: %d lost or half read\n", n_cuts,
           disk_model_replay(0), n_promised, n_bad);

    /* From some of them to the end. */
    const int n = disk_model_replay(0);
    for (int i = 0; i < RESUMES; i++) {
        disk_model_replay((int)random_below(&random, (uint64_t)n));
        snprintf(cut, sizeof cut, "%s/cut", folder);
        disk_model_cut(cut, DISK_MODEL_TEAR, &random);
        snprintf(cut, sizeof cut, "%s/cut/run", folder);
        CHECK_EQUAL(train(cut, "checkpoint.keep=2", cache, &e), STATUS_OK);
        CHECK_TRUE(same_file(cut, reference, "metrics.jsonl"));
        CHECK_TRUE(same_file(cut, reference, "evaluation.jsonl"));
        CHECK_TRUE(same_file(cut, reference, "weights/adapters.safetensors"));
        CHECK_TRUE(same_file(cut, reference, "checkpoints/step_00000005/MANIFEST.json"));
    }

    record(folder, cache, false);
    const int n_found =
        cut_everywhere(folder, reference, &random, stride, n_states, false, &n_cuts, &n_promised);
    CHECK_TRUE(n_found > n_cuts / 4);
    printf("without syncs: %d of %d cuts lose a checkpoint\n", n_found, n_cuts);
    return check_report();
}
