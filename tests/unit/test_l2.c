/* The penalty l2 in a whole step, on the device named by SAPWOOD_TEST_DEVICE: what it adds to the
 * gradient of each weight is 2 weight (w - anchor), once per step, before the norm. The model has a
 * bias of the logits that the loss does not reach, so nothing else writes its gradient. */
#include "pipeline/base/random.h"
#include "pipeline/continual/plug.h"
#include "tests/check.h"
#include "tests/tested_backend.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 4, SIZE = 16, CONTEXT = 8, VOCABULARY = 64 };
#define CHECK_OK(call)                                                                             \
    do {                                                                                           \
        if (!CHECK_EQUAL((call), STATUS_OK)) printf("    %s\n", e.text);                           \
    } while (0)

static struct error e;

struct run {
    struct model model;
    struct learner learner;
    struct plug_set plugs;
    struct learner_numbers numbers;
};

static void run_open(struct run *r, struct backend *b, const char *const *penalties) {
    struct model_config c = {.training = MODEL_TRAIN_ALL, .train_logit_scale = true};
    const struct plug_host host = {.n_samples = {[BATCH_ROLE_UPDATE] = SAMPLES}};
    const struct plug_moment m = {.stage_steps = 1};
    *r = (struct run){0};
    CHECK_OK(architecture_find(&c.architecture, "tests/golden/siglip_tiny.json", &e));
    CHECK_OK(model_declare(&r->model, &c, &e));
    CHECK_OK(learner_init(&r->learner, &r->model, SAMPLES / 2, &e));
    CHECK_OK(plug_set_one(&r->plugs, "clip", "{}", &host, &e));
    for (int i = 0; penalties[i]; i++)
        CHECK_OK(plug_set_one(&r->plugs, "l2", penalties[i], &host, &e));
    CHECK_OK(plug_set_declare(&r->plugs, &r->learner, &e));
    CHECK_OK(model_allocate(&r->model, b, 1, NULL, &e));
    CHECK_OK(learner_allocate(&r->learner, &e));
    CHECK_OK(plug_set_build(&r->plugs, &r->learner, &e));
    CHECK_OK(learner_compile(&r->learner, &e));
    CHECK_OK(plug_set_at(&r->plugs, PLUG_RUN_START, &r->learner, &m, &e));
}

static void run_close(struct run *r) {
    plug_set_release(&r->plugs);
    learner_release(&r->learner);
    model_release(&r->model);
}

static void run_stage(struct run *r) {
    const struct plug_moment m = {.stage = 1, .stage_steps = 1};
    CHECK_OK(plug_set_at(&r->plugs, PLUG_STAGE_START, &r->learner, &m, &e));
}

static float *download(struct buffer *b) {
    float *values = malloc((size_t)b->bytes);
    CHECK(values);
    CHECK_OK(b->backend->table->download(values, b, 0, b->bytes, &e));
    return values;
}

/* Changes every weight; the same in every run. */
static void move(struct run *r, uint64_t seed) {
    struct random noise = random_begin(seed, RANDOM_TEST, 0, 0);
    for (int i = 0; i < r->model.parameters.n; i++) {
        const int64_t n = tensor_elements(&r->model.parameters.list[i].tensor);
        float *values = malloc((size_t)n * sizeof *values);
        CHECK(values);
        CHECK_OK(model_read(&r->model, i, r->model.student, values, &e));
        for (int64_t k = 0; k < n; k++) values[k] += 0.1f * random_float(&noise) - 0.05f;
        CHECK_OK(model_write(&r->model, i, values, &e));
        free(values);
    }
}

/* Of a batch of noise. Twice: the second has nothing of the first. */
static float *gradient(struct run *r) {
    static uint8_t pixels[SAMPLES * SIZE * SIZE * 3], usable[SAMPLES] = {1, 1, 1, 1};
    static int32_t tokens[SAMPLES * CONTEXT], length[SAMPLES], caption[SAMPLES] = {0, 1, 2, 3};
    static uint64_t id[SAMPLES];
    struct random noise = random_begin(3, RANDOM_TEST, 0, 0);
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)random_u32(&noise);
    for (int i = 0; i < SAMPLES; i++) length[i] = CONTEXT;
    for (int i = 0; i < SAMPLES * CONTEXT; i++)
        tokens[i] = (int32_t)random_below(&noise, VOCABULARY);
    const struct batch batch = {.n_parts = 1,
                                .part = {{.role = BATCH_ROLE_UPDATE,
                                          .n = SAMPLES,
                                          .n_views = 1,
                                          .image_size = SIZE,
                                          .context = CONTEXT,
                                          .pixels = pixels,
                                          .tokens = tokens,
                                          .length = length,
                                          .caption_id = caption,
                                          .sample_id = id,
                                          .usable = usable}}};
    const struct plug_moment m = {.stage_steps = 1, .batch = &batch};
    for (int step = 0; step < 2; step++) {
        CHECK_OK(learner_feed(&r->learner, &batch, &e));
        CHECK_OK(plug_set_at(&r->plugs, PLUG_BEFORE_STEP, &r->learner, &m, &e));
        CHECK_OK(learner_gradients(&r->learner, &r->numbers, &e));
    }
    return download(r->learner.gradient);
}

/* The gradient with penalties less that without, of every trained number; the norm is of the whole.
 * weight_*: the sum of the weights of the penalties with that anchor. */
static void check(struct backend *b, const char *const *penalties, double weight_start,
                  double weight_previous, double weight_zero) {
    struct run r, plain;
    double norm = 0, worst = 0, moved = 0;
    run_open(&r, b, penalties);
    run_open(&plain, b, (const char *const[]){NULL});
    float *start = download(r.model.student);
    move(&r, 1);
    run_stage(&r);
    float *previous = download(r.model.student);
    move(&r, 2);
    move(&plain, 1);
    move(&plain, 2);
    float *now = download(r.model.student), *without = gradient(&plain), *with = gradient(&r);
    const int64_t n = r.model.parameters.trainable_bytes / 4;
    for (int64_t i = 0; i < n; i++) {
        const double term[] = {2 * weight_start * ((double)now[i] - start[i]),
                               2 * weight_previous * ((double)now[i] - previous[i]),
                               2 * weight_zero * now[i]};
        const double expected = term[0] + term[1] + term[2];
        /* three roundings of 6e-8 for each of at most two penalties */
        const double room =
            4e-7 * (fabs(without[i]) + fabs(term[0]) + fabs(term[1]) + fabs(term[2])) + 1e-12;
        const double off = fabs(with[i] - without[i] - expected) / room;
        if (off > worst) worst = off;
        moved += fabs(expected);
        norm += (double)with[i] * with[i];
    }
    if (!CHECK_TRUE(worst <= 1)) printf("    %s: %g of the room\n", penalties[0], worst);
    CHECK_TRUE(moved > 0.01);
    CHECK_CLOSE(r.numbers.norm, sqrt(norm), 1e-5 * sqrt(norm));
    CHECK_EQUAL(r.numbers.loss_hash, plain.numbers.loss_hash);
    free(start), free(previous), free(now), free(without), free(with);
    run_close(&r);
    run_close(&plain);
}

/* The same bits as with no penalty: at the anchor, and with the weight 0. */
static void check_nothing(struct backend *b, const char *penalty, bool is_moved) {
    struct run r, plain;
    run_open(&r, b, (const char *const[]){penalty, NULL});
    run_open(&plain, b, (const char *const[]){NULL});
    if (is_moved) move(&r, 1), move(&plain, 1);
    float *with = gradient(&r), *without = gradient(&plain);
    const int64_t n = r.model.parameters.trainable_bytes / 4;
    int64_t n_other = 0;
    for (int64_t i = 0; i < n; i++) n_other += with[i] != without[i];
    CHECK_EQUAL(n_other, 0);
    free(with), free(without);
    run_close(&r);
    run_close(&plain);
}

int main(void) {
    struct backend *b = tested_backend_open();
    check(b, (const char *const[]){"{\"weight\": 0.25, \"anchor\": \"start\"}", NULL}, 0.25, 0, 0);
    check(b, (const char *const[]){"{\"weight\": 0.25}", NULL}, 0, 0.25, 0);
    check(b, (const char *const[]){"{\"weight\": 2, \"anchor\": \"zero\"}", NULL}, 0, 0, 2);
    check(b,
          (const char *const[]){"{}", "{\"name\": \"far\", \"weight\": 3, \"anchor\": \"start\"}",
                                NULL},
          3, 1, 0);
    check_nothing(b, "{\"anchor\": \"start\"}", false);
    check_nothing(b, "{\"weight\": 0, \"anchor\": \"zero\"}", true);
    tested_backend_close(&b);
    return check_report();
}
