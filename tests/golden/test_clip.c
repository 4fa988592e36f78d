/* A whole tiny CLIP against PyTorch (make_golden.py): features, loss and every gradient, with all
 * weights trained and with LoRA only, on the device named by SAPWOOD_TEST_DEVICE (default cpu).
 * Slices of 6, 3, 2 and 1 samples give the same numbers. */
#include "models/weights/safetensors.h"
#include "pipeline/continual/plug.h"
#include "tests/check.h"
#include "tests/golden.h"
#include "tests/tested_backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 6, CONTEXT = 8, PIXELS = SAMPLES * 16 * 16 * 3 };

/* Relative error, norm of the difference over the norm of what is expected. fp32 sums in another
 * order than PyTorch's; measured below 3e-6 on the CPU. */
static const double tolerance = 1e-4;

static struct error e;

static float *read_all(const struct safetensors *s, const char *name) {
    const struct safetensors_tensor *t = safetensors_find(s, name);
    if (!CHECK_TRUE(t != NULL)) {
        printf("    %s is not in %s\n", name, safetensors_path(s));
        exit(1);
    }
    float *values = malloc((size_t)safetensors_elements(t) * sizeof *values);
    CHECK_EQUAL(safetensors_read_f32(t, values, &e), STATUS_OK);
    return values;
}

static void read_ints(const struct safetensors *s, const char *name, int32_t *to) {
    const struct safetensors_tensor *t = safetensors_find(s, name);
    CHECK_TRUE(t != NULL);
    CHECK_EQUAL(safetensors_read(t, 0, t->n_bytes, to, NULL), STATUS_OK);
}

/* Copies the weights of the golden file that the model has. */
static void load(struct model *m, const struct safetensors *s) {
    for (int i = 0; i < m->parameters.n; i++) {
        float *values = read_all(s, m->parameters.list[i].name);
        CHECK_EQUAL(model_write(m, i, values, &e), STATUS_OK);
        free(values);
    }
}

static void check_gradients(struct learner *l, const struct safetensors *golden) {
    const struct parameters *p = &l->model->parameters;
    for (int i = 0; i < p->n; i++) {
        char name[160];
        const struct parameter *w = &p->list[i];
        const int64_t n = tensor_elements(&w->tensor);
        if (!w->is_trainable) continue;
        snprintf(name, sizeof name, "grad.%s", w->name);
        float *expected = read_all(golden, name), *found = malloc((size_t)n * sizeof *found);
        CHECK_EQUAL(l->backend->table->download(found, l->gradient, w->offset, n * 4, &e),
                    STATUS_OK);
        const double error = golden_distance(found, expected, n);
        if (!CHECK_TRUE(error <= tolerance)) printf("    %s: relative error %g\n", name, error);
        free(expected);
        free(found);
    }
}

static void check_features(struct learner *l, const struct safetensors *golden) {
    for (int i = 0; i < 2; i++) {
        float *expected = read_all(golden, i ? "out.text_normalised" : "out.image_normalised");
        float found[SAMPLES * 12];
        CHECK_EQUAL(encoder_read(l->encoder[i], found, &e), STATUS_OK);
        CHECK_TRUE(golden_distance(found, expected, SAMPLES * 12) <= tolerance);
        free(expected);
    }
}

static void fill(struct batch *b, const struct safetensors *s) {
    static uint8_t pixels[PIXELS], usable[SAMPLES] = {1, 1, 1, 1, 1, 1};
    static int32_t tokens[SAMPLES * CONTEXT], length[SAMPLES], caption[SAMPLES];
    const struct safetensors_tensor *t = safetensors_find(s, "input.pixels");
    CHECK_TRUE(t && t->n_bytes == PIXELS);
    CHECK_EQUAL(safetensors_read(t, 0, PIXELS, pixels, NULL), STATUS_OK);
    read_ints(s, "input.tokens", tokens);
    read_ints(s, "input.caption_id", caption);
    for (int i = 0; i < SAMPLES; i++) {
        length[i] = 1;
        for (int k = 1; k < CONTEXT; k++) /* the end token has the largest id */
            if (tokens[i * CONTEXT + k] > tokens[i * CONTEXT + length[i] - 1]) length[i] = k + 1;
    }
    *b = (struct batch){.n_parts = 1};
    b->part[0] = (struct batch_part){.role = BATCH_ROLE_UPDATE,
                                     .n = SAMPLES,
                                     .n_views = 1,
                                     .image_size = 16,
                                     .context = CONTEXT,
                                     .pixels = pixels,
                                     .tokens = tokens,
                                     .length = length,
                                     .caption_id = caption,
                                     .usable = usable};
}

static void run(struct backend *b, const struct safetensors *weights, const char *golden_path,
                bool quick_gelu, bool all, bool dedup, int slice) {
    struct safetensors *golden = NULL;
    struct model_config c = {.adapters = {.lora_rank = 2,
                                          .lora_alpha = 4,
                                          .lora_on = {true, true, true, true},
                                          .tower = {true, true},
                                          .last_layer = -1},
                             .training = all ? MODEL_TRAIN_ALL : MODEL_TRAIN_ADAPTERS,
                             .train_logit_scale = true};
    struct model m;
    struct learner l;
    struct plug_set plugs = {0};
    struct batch batch;
    struct learner_numbers numbers;
    const struct plug_host host = {.n_samples = {[BATCH_ROLE_UPDATE] = SAMPLES}};
    CHECK_EQUAL(safetensors_open(&golden, golden_path, &e), STATUS_OK);
    CHECK_EQUAL(architecture_find(&c.architecture, "tests/golden/clip_tiny.json", &e), STATUS_OK);
    c.architecture.activation = quick_gelu ? ACTIVATION_QUICK_GELU : ACTIVATION_GELU;
    CHECK_EQUAL(model_declare(&m, &c, &e), STATUS_OK);
    CHECK_EQUAL(learner_init(&l, &m, slice, &e), STATUS_OK);
    const char *fields = dedup ? "{}" : "{\"dedup_targets\": false}";
    CHECK_EQUAL(plug_set_one(&plugs, "clip", fields, &host, &e), STATUS_OK);
    CHECK_EQUAL(plug_set_declare(&plugs, &l, &e), STATUS_OK);
    CHECK_EQUAL(model_allocate(&m, b, 1, NULL, &e), STATUS_OK);
    load(&m, weights);
    CHECK_EQUAL(learner_allocate(&l, &e), STATUS_OK);
    CHECK_EQUAL(plug_set_build(&plugs, &l, &e), STATUS_OK);
    if (!CHECK_EQUAL(learner_compile(&l, &e), STATUS_OK)) printf("    %s\n", e.text);
    fill(&batch, weights);
    const struct plug_moment moment = {.stage_steps = 1, .batch = &batch};
    CHECK_EQUAL(learner_feed(&l, &batch, &e), STATUS_OK);
    CHECK_EQUAL(plug_set_at(&plugs, PLUG_BEFORE_STEP, &l, &moment, &e), STATUS_OK);
    if (!CHECK_EQUAL(learner_gradients(&l, &numbers, &e), STATUS_OK)) printf("    %s\n", e.text);
    float *expected = read_all(golden, dedup ? "out.loss_shared" : "out.loss");
    CHECK_CLOSE(numbers.loss[0], *expected, 1e-5);
    free(expected);
    check_features(&l, golden);
    if (!dedup) check_gradients(&l, golden);
    plug_set_release(&plugs);
    learner_release(&l);
    model_release(&m);
    safetensors_destroy(&golden);
}

int main(void) {
    struct backend *b = tested_backend_open();
    struct safetensors *weights = NULL;
    CHECK_EQUAL(safetensors_open(&weights, "tests/golden/clip_tiny.safetensors", &e), STATUS_OK);
    static const int slices[] = {6, 3, 2, 1};
    for (int i = 0; i < 4; i++) {
        run(b, weights, "tests/golden/clip_tiny_quickgelu.safetensors", true, true, false,
            slices[i]);
        run(b, weights, "tests/golden/clip_tiny_quickgelu_lora.safetensors", true, false, false,
            slices[i]);
    }
    run(b, weights, "tests/golden/clip_tiny_gelu_lora.safetensors", false, false, false, 3);
    run(b, weights, "tests/golden/clip_tiny_quickgelu.safetensors", true, true, true, 3);
    safetensors_destroy(&weights);
    tested_backend_close(&b);
    return check_report();
}
