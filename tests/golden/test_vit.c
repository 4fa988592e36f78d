/* Tiny vision transformers beyond CLIP against transformers' models (make_vit.py), on the device
 * named by SAPWOOD_TEST_DEVICE (default cpu): SigLIP's features, loss and every gradient of a step;
 * DINO's and DINOv2's tokens, features and every gradient. Weights come in through the layouts of
 * their sources. */
#include "models/weights/weight_layout.h"
#include "pipeline/continual/plug.h"
#include "tests/check.h"
#include "tests/golden.h"
#include "tests/tested_backend.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 4, SIZE = 16, CONTEXT = 8, WIDTH = 16 };

/* Relative error, norm of the difference over the norm of what is expected. fp32 sums in another
 * order than PyTorch's; the worst that is measured is printed. */
static const double tolerance = 1e-4;
static double worst;

static struct error e;

static void check_near(const float *found, const float *expected, int64_t n, const char *name) {
    const double error = golden_distance(found, expected, n);
    if (error > worst) worst = error;
    if (!CHECK_TRUE(error <= tolerance)) printf("    %s: relative error %g\n", name, error);
}

/* The numbers of a parameter, joined from the tensors of the open golden file whose names start
 * with prefix. */
static float *joined(const struct weight_layout *layout, const struct parameter *w,
                     const char *prefix) {
    struct weight_place place;
    float *values = malloc((size_t)tensor_bytes(&w->tensor));
    CHECK_TRUE(values && weight_layout_place(layout, w, &place));
    for (int k = 0; k < place.n_parts; k++) {
        char name[WEIGHT_NAME_MAX + 8];
        int64_t n;
        snprintf(name, sizeof name, "%s%s", prefix, place.name[k]);
        const float *part = golden_f32(name, &n);
        CHECK_EQUAL(n, tensor_elements(&place.part));
        weight_place_join(&place, k, part, values);
    }
    return values;
}

static void load(struct model *m, const struct weight_layout *layout) {
    for (int i = 0; i < m->parameters.n; i++) {
        float *values = joined(layout, &m->parameters.list[i], "");
        CHECK_EQUAL(model_write(m, i, values, &e), STATUS_OK);
        free(values);
    }
}

/* gradient: the block of all trainable parameters. */
static void check_gradients(const struct model *m, const struct weight_layout *layout,
                            struct buffer *gradient) {
    for (int i = 0; i < m->parameters.n; i++) {
        const struct parameter *w = &m->parameters.list[i];
        const int64_t n = tensor_elements(&w->tensor);
        float *expected = joined(layout, w, "grad."), *found = malloc((size_t)n * sizeof *found);
        CHECK_EQUAL(m->backend->table->download(found, gradient, w->offset, n * 4, &e), STATUS_OK);
        check_near(found, expected, n, w->name);
        free(expected);
        free(found);
    }
}

static void open_model(struct model *m, struct model_config *c, const char *name) {
    char path[64];
    snprintf(path, sizeof path, "tests/golden/%s.json", name);
    c->training = MODEL_TRAIN_ALL;
    c->train_logit_scale = true;
    golden_open(name);
    if (!CHECK_EQUAL(architecture_find(&c->architecture, path, &e), STATUS_OK))
        printf("    %s\n", e.text);
    CHECK_EQUAL(model_declare(m, c, &e), STATUS_OK);
}

/* --- SigLIP --- */

static void fill(struct batch *b, const int32_t *tokens) {
    static uint8_t usable[SAMPLES] = {1, 1, 1, 1};
    static int32_t length[SAMPLES], caption[SAMPLES];
    for (int i = 0; i < SAMPLES; i++) {
        caption[i] = i;
        for (length[i] = 1; tokens[i * CONTEXT + length[i] - 1] != 1;) length[i]++;
    }
    *b = (struct batch){.n_parts = 1};
    b->part[0] = (struct batch_part){.role = BATCH_ROLE_UPDATE,
                                     .n = SAMPLES,
                                     .n_views = 1,
                                     .image_size = SIZE,
                                     .context = CONTEXT,
                                     .pixels = (uint8_t *)golden_u8("input.pixels", NULL),
                                     .tokens = (int32_t *)tokens,
                                     .length = length,
                                     .caption_id = caption,
                                     .usable = usable};
}

static void check_features(const struct encoder *n, const char *name) {
    float found[SAMPLES * WIDTH];
    CHECK_EQUAL(encoder_read(n, found, &e), STATUS_OK);
    check_near(found, golden_f32(name, NULL), SAMPLES * WIDTH, name);
}

static void test_siglip(struct backend *b, int slice) {
    const struct weight_layout *layout = weight_layout_find("hugging_face_siglip");
    const struct plug_host host = {.n_samples = {[BATCH_ROLE_UPDATE] = SAMPLES}};
    struct model_config c = {0};
    struct model m;
    struct learner l;
    struct plug_set plugs = {0};
    struct batch batch;
    struct learner_numbers numbers;
    open_model(&m, &c, "siglip_tiny");
    CHECK_EQUAL(learner_init(&l, &m, slice, &e), STATUS_OK);
    CHECK_EQUAL(plug_set_one(&plugs, "siglip", "{\"dedup_targets\": false}", &host, &e), STATUS_OK);
    CHECK_EQUAL(plug_set_declare(&plugs, &l, &e), STATUS_OK);
    CHECK_EQUAL(model_allocate(&m, b, 1, NULL, &e), STATUS_OK);
    load(&m, layout);
    CHECK_EQUAL(learner_allocate(&l, &e), STATUS_OK);
    CHECK_EQUAL(plug_set_build(&plugs, &l, &e), STATUS_OK);
    if (!CHECK_EQUAL(learner_compile(&l, &e), STATUS_OK)) printf("    %s\n", e.text);
    fill(&batch, golden_i32("input.tokens", NULL));
    const struct plug_moment moment = {.stage_steps = 1, .batch = &batch};
    CHECK_EQUAL(learner_feed(&l, &batch, &e), STATUS_OK);
    CHECK_EQUAL(plug_set_at(&plugs, PLUG_BEFORE_STEP, &l, &moment, &e), STATUS_OK);
    if (!CHECK_EQUAL(learner_gradients(&l, &numbers, &e), STATUS_OK)) printf("    %s\n", e.text);
    CHECK_CLOSE(numbers.loss[0], *golden_f32("out.loss", NULL), 1e-5);
    check_features(l.encoder[0], "out.image_normalised");
    check_features(l.encoder[1], "out.text_normalised");
    check_gradients(&m, layout, l.gradient);
    plug_set_release(&plugs);
    learner_release(&l);
    model_release(&m);
}

/* --- Image-only --- */

static struct encoder *encoder_of(const struct model *m, enum encoder_result result, int rows,
                                  struct buffer *gradient) {
    struct encoder *n = NULL;
    struct encoder_config c = {.name = "pictures",
                               .tower = TOWER_IMAGE,
                               .view = model_view(m),
                               .result = result,
                               .rows_per_sample = rows,
                               .n_slices = 1,
                               .slice_samples = SAMPLES};
    c.view.gradients.buffer = gradient;
    if (!CHECK_EQUAL(encoder_create(&n, m->backend, &c, &e), STATUS_OK)) {
        printf("    %s\n", e.text);
        exit(1);
    }
    return n;
}

/* Every token after the last norm. */
static void check_tokens(const struct model *m, const uint8_t *pixels) {
    const int tokens = m->architecture.tower[TOWER_IMAGE].tokens, n = SAMPLES * tokens;
    struct encoder *all = encoder_of(m, ENCODER_TOKENS, tokens, NULL);
    int32_t *index = malloc((size_t)n * sizeof *index);
    float *found = malloc((size_t)n * WIDTH * sizeof *found);
    int64_t n_expected;
    const float *expected = golden_f32("out.tokens", &n_expected);
    CHECK_EQUAL(n_expected, n * WIDTH);
    for (int i = 0; i < n; i++) index[i] = i % tokens;
    CHECK_EQUAL(encoder_set_pixels(all, pixels, index, &e), STATUS_OK);
    CHECK_EQUAL(encoder_compute(all, 1, &e), STATUS_OK);
    CHECK_EQUAL(encoder_read(all, found, &e), STATUS_OK);
    check_near(found, expected, n * WIDTH, "tokens");
    free(index);
    free(found);
    encoder_destroy(&all);
}

static void test_image_only(struct backend *b, const char *name, const char *layout_name) {
    const struct weight_layout *layout = weight_layout_find(layout_name);
    struct model_config c = {0};
    struct model m;
    struct buffer *gradient = NULL;
    open_model(&m, &c, name);
    CHECK_EQUAL(model_allocate(&m, b, 1, NULL, &e), STATUS_OK);
    load(&m, layout);
    CHECK_EQUAL(b->table->buffer_create(b, &gradient, m.student->bytes, &e), STATUS_OK);
    const uint8_t *pixels = golden_u8("input.pixels", NULL);
    check_tokens(&m, pixels);
    struct encoder *n = encoder_of(&m, ENCODER_FEATURES, 1, gradient);
    CHECK_EQUAL(encoder_set_pixels(n, pixels, NULL, &e), STATUS_OK);
    CHECK_EQUAL(
        b->table->upload(n->d_features, 0, golden_f32("input.dy", NULL), SAMPLES * WIDTH * 4, &e),
        STATUS_OK);
    CHECK_EQUAL(encoder_compute(n, 1, &e), STATUS_OK);
    CHECK_EQUAL(encoder_backward(n, 0, 0, NULL, &e), STATUS_OK);
    check_features(n, "out.class_normalised");
    check_gradients(&m, layout, gradient);
    encoder_destroy(&n);

    struct encoder_config text = {.name = "captions",
                                  .tower = TOWER_TEXT,
                                  .view = model_view(&m),
                                  .rows_per_sample = 1,
                                  .n_slices = 1,
                                  .slice_samples = 1};
    CHECK_EQUAL(encoder_create(&n, b, &text, &e), STATUS_BAD_ARG);
    CHECK_TRUE(strstr(e.text, "captions: architecture") && strstr(e.text, "no text tower"));
    b->table->buffer_destroy(gradient);
    model_release(&m);
}

int main(void) {
    struct backend *b = tested_backend_open();
    test_siglip(b, 4);
    test_siglip(b, 1);
    test_image_only(b, "dino_tiny", "hugging_face_vit");
    test_image_only(b, "dinov2_tiny", "dino");
    printf("worst relative error %.2g\n", worst);
    golden_close();
    tested_backend_close(&b);
    return check_report();
}
