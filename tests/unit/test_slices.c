/* How a step is cut and run changes no bit of its gradient: threads, activations kept or computed
 * again, by slice or by block, the order of slices. And the size of a slice changes it by rounding
 * alone.
 * SAPWOOD_TEST_DEVICE: the device. */
#include "models/learn/learner.h"
#include "pipeline/base/random.h"
#include "pipeline/continual/plug.h"
#include "tests/check.h"
#include "tests/tested_backend.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_MAX = 512, CONTEXT_MAX = 16, IMAGE_BYTES = 16 * 16 * 3 };
enum kept { ALL, SOME, NONE };
enum order { RISING, FALLING };

static struct error e;
static int n_small, n_again; /* jobs with small arenas; with large ones, not all kept */

/* A batch of noise; captions end at many lengths. */
struct noise {
    uint8_t pixels[BATCH_MAX * IMAGE_BYTES], usable[BATCH_MAX];
    int32_t tokens[BATCH_MAX * CONTEXT_MAX], length[BATCH_MAX], caption[BATCH_MAX];
    uint64_t id[BATCH_MAX];
};
static struct noise noise;

static void noise_fill(const struct architecture *a) {
    struct random r = random_begin(1, RANDOM_TEST, 3, 0);
    CHECK(a->image_size == 16 && a->context <= CONTEXT_MAX);
    for (size_t i = 0; i < sizeof noise.pixels; i++) noise.pixels[i] = (uint8_t)random_u32(&r);
    for (int i = 0; i < BATCH_MAX; i++) {
        noise.length[i] = 2 + (int)random_below(&r, (uint64_t)a->context - 1);
        noise.usable[i] = i % 7 != 3;
        noise.caption[i] = i;
        for (int k = 0; k < noise.length[i]; k++)
            noise.tokens[i * a->context + k] = (int32_t)random_below(&r, (uint64_t)a->vocabulary);
    }
}

struct job {
    int batch, slice;
    bool all; /* every weight, else adapters */
    enum kept kept;
    enum order order;
};

static void reverse(struct slice_item *items, int n) {
    for (int i = 0; i < n / 2; i++) {
        const struct slice_item swap = items[i];
        items[i] = items[n - 1 - i];
        items[n - 1 - i] = swap;
    }
}

struct bounds {
    int64_t least, planned;
};

/* The gradient of a step, n numbers; NULL when the learner cannot be made, e then says why. */
static float *gradient_of(struct backend *b, const struct job *j, int64_t memory_bytes,
                          struct bounds *bounds, int64_t *n) {
    struct model_config c = {.adapters = {.lora_rank = 2,
                                          .lora_alpha = 4,
                                          .lora_on = {true, true, true, true},
                                          .tower = {true, true},
                                          .last_layer = -1},
                             .training = j->all ? MODEL_TRAIN_ALL : MODEL_TRAIN_ADAPTERS,
                             .train_logit_scale = true};
    const struct plug_host host = {.n_samples = {[BATCH_ROLE_UPDATE] = j->batch}};
    struct model m;
    struct learner l;
    struct plug_set plugs = {0};
    struct learner_numbers numbers;
    CHECK_EQUAL(architecture_find(&c.architecture, "tests/golden/clip_tiny.json", &e), STATUS_OK);
    noise_fill(&c.architecture);
    struct batch batch = {.n_parts = 1,
                          .part = {{.role = BATCH_ROLE_UPDATE,
                                    .n = j->batch,
                                    .n_views = 1,
                                    .image_size = 16,
                                    .context = c.architecture.context,
                                    .pixels = noise.pixels,
                                    .tokens = noise.tokens,
                                    .length = noise.length,
                                    .caption_id = noise.caption,
                                    .sample_id = noise.id,
                                    .usable = noise.usable}}};
    CHECK_EQUAL(model_declare(&m, &c, &e), STATUS_OK);
    CHECK_EQUAL(learner_init(&l, &m, j->slice, &e), STATUS_OK);
    l.memory_bytes = memory_bytes;
    CHECK_EQUAL(plug_set_one(&plugs, "clip", "{\"dedup_targets\": false}", &host, &e), STATUS_OK);
    CHECK_EQUAL(plug_set_declare(&plugs, &l, &e), STATUS_OK);
    CHECK_EQUAL(model_allocate(&m, b, 1, NULL, &e), STATUS_OK);
    CHECK_EQUAL(learner_allocate(&l, &e), STATUS_OK);
    CHECK_EQUAL(plug_set_build(&plugs, &l, &e), STATUS_OK);
    const bool is_made = learner_compile(&l, &e) == STATUS_OK;
    float *gradient = is_made ? malloc((size_t)l.gradient->bytes) : NULL;
    if (!is_made) goto done;
    *bounds = (struct bounds){learner_least_bytes(&l), learner_bytes(&l)};
    const int kept = slice_run_kept(l.slices), learning = slice_run_learning(l.slices);
    CHECK_EQUAL(learning, 2 * j->batch / j->slice);
    if (memory_bytes) CHECK_TRUE(learner_bytes(&l) <= memory_bytes);
    CHECK_EQUAL(kept == learning, j->kept == ALL);
    CHECK_EQUAL(kept == 0, j->kept == NONE);
    n_small += l.slices->is_small;
    n_again += !l.slices->is_small && kept < learning;
    if (j->order == FALLING) {
        reverse(l.slices->forward, l.slices->n_forward);
        reverse(l.slices->backward, l.slices->n_backward);
    }
    const struct plug_moment moment = {.stage_steps = 1, .batch = &batch};
    for (int step = 0; step < 2; step++) { /* what a step leaves behind is not in the next */
        CHECK_EQUAL(learner_feed(&l, &batch, &e), STATUS_OK);
        CHECK_EQUAL(plug_set_at(&plugs, PLUG_BEFORE_STEP, &l, &moment, &e), STATUS_OK);
        if (!CHECK_EQUAL(learner_gradients(&l, &numbers, &e), STATUS_OK))
            printf("    %s\n", e.text);
        CHECK_TRUE(numbers.is_finite && numbers.norm > 0);
    }
    CHECK_EQUAL(b->table->download(gradient, l.gradient, 0, l.gradient->bytes, &e), STATUS_OK);
    *n = l.gradient->bytes / 4;
done:
    plug_set_release(&plugs);
    learner_release(&l);
    model_release(&m);
    return gradient;
}

/* The gradient with all activations kept, then with some and with none, the same bits. */
static float *check_kept(struct backend *b, struct job j, int64_t *n) {
    struct bounds all_kept, ignored;
    float *all = gradient_of(b, &j, 0, &all_kept, n);
    CHECK(all);
    for (int kept = SOME; kept <= NONE; kept++) {
        const int64_t bytes =
            kept == NONE ? all_kept.least : (all_kept.least + all_kept.planned) / 2;
        j.kept = (enum kept)kept;
        float *found = gradient_of(b, &j, bytes, &ignored, n);
        if (!CHECK_TRUE(found && memcmp(found, all, (size_t)*n * 4) == 0))
            printf("    batch %d, slice %d, %s kept\n", j.batch, j.slice,
                   kept == NONE ? "none" : "some");
        free(found);
    }
    return all;
}

static double distance(const float *a, const float *b, int64_t n) {
    double difference = 0, size = 0;
    for (int64_t i = 0; i < n; i++) {
        difference += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        size += (double)b[i] * b[i];
    }
    return sqrt(difference / size);
}

static void check_threads(bool all) {
    float *expected = NULL;
    int64_t n;
    for (int threads = 1; threads <= 4; threads++) {
        const struct backend_options options = {.device = "cpu", .threads = threads};
        struct backend *b = NULL;
        CHECK_EQUAL(backend_create(&b, &options, &e), STATUS_OK);
        for (enum order order = RISING; order <= FALLING; order++) {
            float *found = check_kept(
                b, (struct job){.batch = 64, .slice = 4, .all = all, .order = order}, &n);
            if (!expected) expected = found;
            if (!CHECK_TRUE(memcmp(found, expected, (size_t)n * 4) == 0))
                printf("    %d threads, order %d\n", threads, (int)order);
            if (found != expected) free(found);
        }
        backend_destroy(&b);
    }
    free(expected);
}

/* 512 samples in slices of 16 and in one: the exact gradient of the whole batch. */
static void check_sizes(struct backend *b) {
    int64_t n;
    struct bounds bounds;
    float *one =
        gradient_of(b, &(struct job){.batch = 512, .slice = 512, .all = true}, 0, &bounds, &n);
    float *cut =
        gradient_of(b, &(struct job){.batch = 512, .slice = 16, .all = true}, 0, &bounds, &n);
    CHECK(one && cut);
    const double found = distance(cut, one, n);
    printf("slices of 16 and one of 512: relative difference %.2g\n", found);
    CHECK_TRUE(found <= 1e-5);
    free(one);
    free(cut);
}

/* A byte less than the least is refused with what would do. */
static void check_least(struct backend *b) {
    const struct job j = {.batch = 32, .slice = 4};
    char expected[64];
    struct bounds bounds, ignored;
    int64_t n;
    free(gradient_of(b, &j, 0, &bounds, &n));
    CHECK_TRUE(gradient_of(b, &j, bounds.least - 1, &ignored, &n) == NULL);
    CHECK_EQUAL(e.status, STATUS_BAD_ARG);
    snprintf(expected, sizeof expected, "expected at least %lld,", (long long)bounds.least);
    if (!CHECK_TRUE(strstr(e.text, expected) != NULL)) printf("    %s\n", e.text);
}

int main(void) {
    const char *device = getenv("SAPWOOD_TEST_DEVICE");
    struct backend *b = tested_backend_open();
    int64_t n;
    for (int all = 0; all < 2; all++) {
        /* 7 slices: the tree has a node without a right half */
        free(check_kept(b, (struct job){.batch = 28, .slice = 4, .all = all}, &n));
    }
    check_least(b);
    if (!device) {
        check_threads(false);
        check_threads(true);
        check_sizes(b);
    }
    CHECK_TRUE(n_small > 0 && n_again > 0);
    tested_backend_close(&b);
    return check_report();
}
