/* Numbers that are not finite, flipped bits, lost and hanging devices and a hanging loader, as the
 * trainer meets them: the linker puts the functions __wrap_X of this file between the trainer and
 * X. Every fault must have fired, and what is right is taken from a run without faults. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"
#include "pipeline/base/stop.h"
#include "pipeline/base/text.h"
#include "pipeline/run/save_plan.h"
#include "pipeline/train/trainer.h"
#include "shaders/params/adamw.h"
#include "tests/check.h"
#include "tests/fixture.h"

enum { STEPS = 320, ALWAYS = 1 << 20, SAMPLES_MAX = 64 };

/* --- Faults --- */

static struct {
    int64_t bad_from, bad_to; /* steps whose loss is NaN */
    int bad_times;            /* how often each is computed so */
    int64_t flip_step;        /* the gradient of its second computation has another bit */
    int64_t lost_step;        /* the device is lost there ... */
    int lost_times;           /* ... for so many devices */
    int64_t hang_step;        /* its device never ends */
    int64_t stall_step;       /* its batch never comes */
    int64_t save_step, stop_step;
    int64_t unsaved[4]; /* checkpoints of these steps fail */
    int64_t seen_step;  /* its bias corrections are kept */
} plan;

static const struct backend_table *real_table;
static struct backend_table table;
static int64_t step_now, computed;
static uint64_t fed[SAMPLES_MAX]; /* samples of step_now, part by part */
static int n_fed, n_parts_fed;
static int n_devices, n_fired;
static bool is_lost;
static volatile sig_atomic_t save_flag;
static float correction[2]; /* of seen_step, as the kernels get them */

static void hang(void) {
    for (;;) pause();
}

static enum status wrap_run(struct backend *b, struct work *const *items, int n, struct error *e) {
    if (plan.lost_step == step_now && n_devices <= plan.lost_times) is_lost = true;
    if (is_lost) {
        n_fired++;
        return fail(e, STATUS_GPU, "test: VK_ERROR_DEVICE_LOST");
    }
    if (plan.hang_step == step_now) hang();
    return real_table->run(b, items, n, e);
}

enum status __real_backend_create(struct backend **, const struct backend_options *,
                                  struct error *);
enum status __wrap_backend_create(struct backend **, const struct backend_options *,
                                  struct error *);
enum status __wrap_backend_create(struct backend **out, const struct backend_options *o,
                                  struct error *e) {
    enum status rc = __real_backend_create(out, o, e);
    if (rc != STATUS_OK) return rc;
    n_devices++;
    is_lost = false;
    step_now = -1;
    real_table = (*out)->table;
    table = *real_table;
    table.run = wrap_run;
    (*out)->table = &table;
    return rc;
}

enum status __real_stream_next(struct stream *, const struct batch **, struct error *);
enum status __wrap_stream_next(struct stream *, const struct batch **, struct error *);
enum status __wrap_stream_next(struct stream *s, const struct batch **batch, struct error *e) {
    enum status rc = __real_stream_next(s, batch, e);
    if (rc == STATUS_OK && (*batch)->step == plan.stall_step) hang();
    return rc;
}

enum status __real_learner_feed(struct learner *, const struct batch *, struct error *);
enum status __wrap_learner_feed(struct learner *, const struct batch *, struct error *);
enum status __wrap_learner_feed(struct learner *l, const struct batch *batch, struct error *e) {
    if (batch->step != step_now) computed = 0;
    step_now = batch->step; /* one stage: counted from 0 */
    n_fed = 0;
    n_parts_fed = batch->n_parts;
    for (int p = 0; p < batch->n_parts; p++)
        for (int i = 0; i < batch->part[p].n; i++) {
            CHECK(n_fed < SAMPLES_MAX);
            fed[n_fed++] = batch->part[p].sample_id[i];
        }
    if (step_now == plan.save_step) save_flag = 1;
    if (step_now == plan.stop_step) stop_request();
    if (step_now == plan.seen_step) {
        const float *adamw = live_numbers_of(&l->live, live_numbers_find(&l->live, "adamw"));
        correction[0] = adamw[ADAMW_CORRECTION1];
        correction[1] = adamw[ADAMW_CORRECTION2];
    }
    return __real_learner_feed(l, batch, e);
}

enum status __real_checkpoint_begin(struct checkpoint_writer **, const char *, int64_t,
                                    struct error *);
enum status __wrap_checkpoint_begin(struct checkpoint_writer **, const char *, int64_t,
                                    struct error *);
enum status __wrap_checkpoint_begin(struct checkpoint_writer **w, const char *run, int64_t step,
                                    struct error *e) {
    *w = NULL;
    for (int i = 0; i < 4; i++)
        if (step > 0 && step == plan.unsaved[i]) {
            n_fired++;
            return fail(e, STATUS_STORAGE, "test: no space left");
        }
    return __real_checkpoint_begin(w, run, step, e);
}

enum status __real_learner_look(struct learner *, struct learner_numbers *, struct error *);
enum status __wrap_learner_look(struct learner *, struct learner_numbers *, struct error *);
enum status __wrap_learner_look(struct learner *l, struct learner_numbers *n, struct error *e) {
    enum status rc = __real_learner_look(l, n, e);
    computed++;
    if (rc != STATUS_OK) return rc;
    if (step_now >= plan.bad_from && step_now < plan.bad_to && computed <= plan.bad_times) {
        n->total = n->loss[0] = n->norm = NAN;
        n->is_finite = false;
        n_fired++;
    }
    if (step_now == plan.flip_step && computed == 2) {
        ((uint32_t *)l->gradient->data)[7] ^= 1;
        n_fired++;
    }
    return rc;
}

/* --- Runs --- */

static void clear_plan(void) {
    memset(&plan, 0, sizeof plan);
    plan.flip_step = plan.lost_step = plan.hang_step = plan.stall_step = -2;
    plan.save_step = plan.stop_step = plan.seen_step = -2;
    n_devices = n_fired = 0;
    save_flag = 0;
    stop_clear();
}

static void bark(const char *text) {
    const bool is_told = strstr(text, "nothing moved for") != NULL;
    _exit(is_told ? status_exit_code(STATUS_STALLED) : 1);
}

/* Trains STEPS steps of the pairs of the tiny recipe. */
static enum status train(const char *run, const char *policy, const char *self_check,
                         struct error *e) {
    char non_finite[64], check[64], steps[64];
    snprintf(non_finite, sizeof non_finite, "non_finite=\"%s\"", policy);
    snprintf(check, sizeof check, "self_check=%s", self_check);
    snprintf(steps, sizeof steps, "stages.0.steps=%d", STEPS);
    const char *const settings[] = {non_finite,
                                    check,
                                    steps,
                                    "losses=[{\"type\":\"clip\"}]",
                                    "data.ref_image=null",
                                    "data.ref_text=null",
                                    "data.view=null",
                                    "evaluation.sets=[]",
                                    "checkpoint.every=50",
                                    "checkpoint.keep=2",
                                    "data.update.batch_size=8",
                                    "threads=1",
                                    "stall_seconds=2"};
    struct recipe *r = NULL;
    e->text[0] = '\0';
    enum status rc = recipe_read(&r, SAPWOOD_SOURCE_DIR "/recipes/tiny.json", settings,
                                 sizeof settings / sizeof *settings, e);
    if (rc != STATUS_OK) return rc;
    r->stages.n = 1;
    const struct trainer_options o = {
        .recipe = r, .run = run, .resume = "auto", .save = &save_flag, .stalled = bark};
    rc = trainer_run(&o, e);
    recipe_destroy(&r);
    return rc;
}

static const char *new_run(const char *name) {
    return fixture_path(fixture_folder(), name);
}

static bool same_file(const char *a, const char *a_name, const char *b, const char *b_name) {
    char path[FILE_PATH_MAX], *x = NULL, *y = NULL;
    size_t n_x = 0, n_y = 0;
    const bool same = file_join(path, a, a_name, NULL) == STATUS_OK &&
                      file_read_all(&x, &n_x, path, 1 << 26, NULL) == STATUS_OK &&
                      file_join(path, b, b_name, NULL) == STATUS_OK &&
                      file_read_all(&y, &n_y, path, 1 << 26, NULL) == STATUS_OK && n_x == n_y &&
                      !memcmp(x, y, n_x);
    free(x);
    free(y);
    return same;
}

#define CHECKPOINT(step) "checkpoints/step_00000" step

static bool same_end(const char *a, const char *b) {
    static const char *const files[] = {
        "metrics.jsonl", "skipped.jsonl", CHECKPOINT("320") "/model.safetensors",
        CHECKPOINT("320") "/state.safetensors", CHECKPOINT("320") "/MANIFEST.json"};
    bool same = true;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        same = same_file(a, files[i], b, files[i]) && same;
    return same;
}

static int count(const char *run, const char *file, const char *word) {
    char path[FILE_PATH_MAX], *bytes = NULL;
    size_t size = 0;
    int n = 0;
    CHECK(file_join(path, run, file, NULL) == STATUS_OK);
    CHECK(file_read_all(&bytes, &size, path, 1 << 26, NULL) == STATUS_OK);
    for (const char *p = bytes; (p = strstr(p, word)); p++) n++;
    free(bytes);
    return n;
}

/* --- What must come of it --- */

static void test_self_check(const char *plain) {
    struct error e;
    const char *run = new_run("transient");
    clear_plan();
    plan.bad_from = 120, plan.bad_to = 121, plan.bad_times = 1;
    CHECK_EQUAL(train(run, "rewind", "0", &e), STATUS_SELF_CHECK);
    CHECK_EQUAL(n_fired, 1);
    CHECK_TRUE(strstr(e.text, "step 120: computed twice"));
    plan.bad_to = 0; /* the machine was mended: on to the end */
    CHECK_EQUAL(train(run, "rewind", "0", &e), STATUS_OK);
    CHECK_TRUE(same_end(plain, run));

    run = new_run("flip");
    clear_plan();
    plan.flip_step = 199;
    CHECK_EQUAL(train(run, "rewind", "40", &e), STATUS_SELF_CHECK);
    CHECK_EQUAL(n_fired, 1);
    CHECK_TRUE(strstr(e.text, "step 199: computed twice"));
    run = new_run("checked");
    clear_plan();
    CHECK_EQUAL(train(run, "rewind", "1", &e), STATUS_OK); /* no step differs, and none changes */
    CHECK_TRUE(same_end(plain, run));
}

static void test_skip(void) {
    struct error e;
    const char *run = new_run("skip");
    clear_plan();
    plan.bad_from = 60, plan.bad_to = 63, plan.bad_times = ALWAYS;
    CHECK_EQUAL(train(run, "skip", "0", &e), STATUS_OK);
    CHECK_EQUAL(n_fired, 6); /* each of three twice */
    CHECK_EQUAL(count(run, "metrics.jsonl", "\"skipped\": true"), 3);
    CHECK_EQUAL(count(run, "skipped.jsonl", "\"samples\": ["), 3);
    run = new_run("skip_four");
    clear_plan();
    plan.bad_from = 60, plan.bad_to = 64, plan.bad_times = ALWAYS;
    CHECK_EQUAL(train(run, "skip", "0", &e), STATUS_NON_FINITE);
    CHECK_TRUE(strstr(e.text, "unchanged since step 60"));
    run = new_run("stop");
    CHECK_EQUAL(train(run, "stop", "0", &e), STATUS_NON_FINITE);
    CHECK_EQUAL(count(run, "skipped.jsonl", "\"samples\": ["), 1);
}

/* A step of all the parts that a recipe can have: its line names every sample that it was made of.
 */
static void test_skipped_names(void) {
    static const char *const settings[] = {"non_finite=\"stop\"", "stages.0.steps=6", "threads=1",
                                           "evaluation.sets=[]"};
    const char *run = new_run("names");
    struct recipe *r = NULL;
    struct error e = {0};
    struct text list = {0};
    char id[HASH_HEX_64];
    clear_plan();
    plan.bad_from = 2, plan.bad_to = 3, plan.bad_times = ALWAYS;
    CHECK_EQUAL(recipe_read(&r, SAPWOOD_SOURCE_DIR "/recipes/tiny.json", settings,
                            sizeof settings / sizeof *settings, &e),
                STATUS_OK);
    const struct trainer_options o = {
        .recipe = r, .run = run, .resume = "auto", .save = &save_flag, .stalled = bark};
    CHECK_EQUAL(trainer_run(&o, &e), STATUS_NON_FINITE);
    CHECK_EQUAL(n_parts_fed, 4); /* update, ref_image, ref_text, view */
    CHECK_EQUAL(n_fed, 16 + 8 + 8 + 8);
    for (int i = 0; i < n_fed; i++) {
        hash_hex_64(id, fed[i]);
        text_printf(&list, "%s\"%s\"", i ? ", " : "[", id);
    }
    text_append(&list, "]");
    CHECK_EQUAL(count(run, "skipped.jsonl", text_string(&list)), 1);
    text_release(&list);
    recipe_destroy(&r);
}

/* Four bad steps 250 to 253: back to the weights of step 100, which is the first checkpoint of its
 * hundred and 100 steps old at least, and on from step 254. */
static void test_rewind(void) {
    struct error e;
    const char *run = new_run("rewind"), *again = new_run("rewind_stopped");
    clear_plan();
    plan.bad_from = 250, plan.bad_to = 254, plan.bad_times = ALWAYS;
    plan.seen_step = 254;
    CHECK_EQUAL(train(run, "rewind", "0", &e), STATUS_OK);
    CHECK_EQUAL(n_fired, 8);
    CHECK_EQUAL(count(run, "skipped.jsonl", "\"weights_of_step\": 100"), 1);
    CHECK_EQUAL(count(run, "metrics.jsonl", "\n"), STEPS);
    /* The updates of steps 100 to 249 are undone: bias corrections go on from the 101st update, and
     * the samples of steps 100 to 253, 8 each, count as skipped. */
    CHECK_CLOSE((double)correction[0], 1 - pow(0.9, 101), 1e-6); /* the default betas */
    CHECK_CLOSE((double)correction[1], 1 - pow(0.98, 101), 1e-6);
    CHECK_EQUAL(count(run, CHECKPOINT("320") "/ledger.json", "\"trained\": 1328,"), 1);
    CHECK_EQUAL(count(run, CHECKPOINT("320") "/ledger.json", "\"skipped\": 1232,"), 1);

    /* The same weights as those of step 100 when it goes on: stopped before the next update. */
    const char *stopped = new_run("rewind_seen");
    clear_plan();
    plan.bad_from = 250, plan.bad_to = 254, plan.bad_times = ALWAYS;
    plan.stop_step = 253;
    CHECK_EQUAL(train(stopped, "rewind", "0", &e), STATUS_STOPPED);
    CHECK_TRUE(same_file(stopped, CHECKPOINT("254") "/model.safetensors", stopped,
                         CHECKPOINT("100") "/model.safetensors"));
    CHECK_TRUE(same_file(stopped, CHECKPOINT("254") "/state.safetensors", stopped,
                         CHECKPOINT("100") "/state.safetensors"));

    /* Stopped in between, inside the bad steps too: the same bytes at the end. */
    clear_plan();
    plan.bad_from = 250, plan.bad_to = 254, plan.bad_times = ALWAYS;
    static const int64_t stops[] = {130, 251, 253, 254, 301};
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        plan.stop_step = stops[i];
        stop_clear();
        CHECK_EQUAL(train(again, "rewind", "0", &e), STATUS_STOPPED);
    }
    plan.stop_step = -2;
    stop_clear();
    CHECK_EQUAL(train(again, "rewind", "0", &e), STATUS_OK);
    CHECK_TRUE(same_end(run, again));

    clear_plan();
    plan.bad_from = 150, plan.bad_to = STEPS, plan.bad_times = ALWAYS;
    CHECK_EQUAL(train(new_run("rewind_three"), "rewind", "0", &e), STATUS_NON_FINITE);
    CHECK_TRUE(strstr(e.text, "after going back twice"));
    CHECK_EQUAL(n_fired, 24); /* three times four steps, each twice */
}

/* Saves that fail count while they come in a row: three end the run, four with one
 * that succeeds between them do not. */
static void test_failed_saves(const char *plain) {
    struct error e;
    const char *run = new_run("unsaved");
    clear_plan();
    memcpy(plan.unsaved, (int64_t[]){50, 100, 200, 250}, sizeof plan.unsaved);
    CHECK_EQUAL(train(run, "rewind", "0", &e), STATUS_OK);
    CHECK_EQUAL(n_fired, 4);
    CHECK_TRUE(same_end(plain, run));
    clear_plan();
    memcpy(plan.unsaved, (int64_t[]){50, 100, 150, 200}, sizeof plan.unsaved);
    CHECK_EQUAL(train(new_run("unsaved_three"), "rewind", "0", &e), STATUS_STORAGE);
    CHECK_EQUAL(n_fired, 3);
    CHECK_TRUE(strstr(e.text, "checkpoint 150 failed"));
}

static void test_lost_device(const char *plain) {
    struct error e;
    const char *run = new_run("lost");
    clear_plan();
    plan.lost_step = 170, plan.lost_times = 1;
    CHECK_EQUAL(train(run, "rewind", "0", &e), STATUS_OK);
    CHECK_TRUE(n_fired >= 1);
    CHECK_EQUAL(n_devices, 2);
    CHECK_TRUE(same_end(plain, run));
    run = new_run("lost_twice");
    clear_plan();
    plan.lost_step = 170, plan.lost_times = 2;
    CHECK_EQUAL(train(run, "rewind", "0", &e), STATUS_GPU);
    CHECK_EQUAL(n_devices, 2);
    clear_plan();
    CHECK_EQUAL(train(run, "rewind", "0", &e), STATUS_OK);
    CHECK_TRUE(same_end(plain, run));
}

/* A child that hangs must be ended in time, with 9, and its last checkpoint must be good. */
static void test_hang(const char *plain, const char *name, int64_t *where) {
    struct error e;
    struct timespec begin, end;
    const char *run = new_run(name);
    int state = 0;
    *where = 120;
    fflush(stdout);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    const pid_t child = fork();
    if (child == 0) {
        train(run, "rewind", "0", &e);
        _exit(1);
    }
    waitpid(child, &state, 0);
    clock_gettime(CLOCK_MONOTONIC, &end);
    CHECK_TRUE(WIFEXITED(state) && WEXITSTATUS(state) == 9);
    CHECK_TRUE(end.tv_sec - begin.tv_sec < 20);
    clear_plan();
    CHECK_EQUAL(train(run, "rewind", "0", &e), STATUS_OK);
    CHECK_TRUE(same_end(plain, run));
}

/* Asked to save and go on: one more checkpoint, the same run. */
static void test_save(const char *plain) {
    struct error e;
    char path[FILE_PATH_MAX];
    const char *run = new_run("saved");
    clear_plan();
    plan.save_step = 313, plan.stop_step = 314;
    CHECK_EQUAL(train(run, "rewind", "0", &e), STATUS_STOPPED);
    CHECK_EQUAL(file_join(path, run, CHECKPOINT("314"), &e), STATUS_OK);
    CHECK_TRUE(file_exists(path));
    clear_plan();
    CHECK_EQUAL(train(run, "rewind", "0", &e), STATUS_OK);
    CHECK_TRUE(same_end(plain, run));
}

int main(void) {
    struct error e;
    const char *plain = new_run("plain");
    char kept[FILE_PATH_MAX];
    snprintf(kept, sizeof kept, "%s", plain);
    log_set_level(LOG_ERROR);
    clear_plan();
    CHECK_EQUAL(train(kept, "rewind", "0", &e), STATUS_OK);
    test_self_check(kept);
    test_skip();
    test_skipped_names();
    test_rewind();
    test_failed_saves(kept);
    test_lost_device(kept);
    clear_plan();
    test_hang(kept, "hang", &plan.hang_step);
    clear_plan();
    test_hang(kept, "stall", &plan.stall_step);
    test_save(kept);
    return check_report();
}
