/* Weights as open_clip and transformers write them, and what those programs compute with them
 * (tests/peers/clip_models.py), on the device named by SAPWOOD_TEST_DEVICE (default cpu).
 *
 *     test_weights                  the tiny models of tests/golden/weights
 *     test_weights FOLDER [FILE]    another folder with an expected.safetensors; FILE: its weights,
 *                                   when they are not under a usual name
 *
 * For a folder the largest relative errors are printed, and what loading took. */
#include "models/clip/encoder.h"
#include "models/weights/safetensors.h"
#include "pipeline/base/file.h"
#include "pipeline/continual/plug.h"
#include "tests/check.h"
#include "tests/tested_backend.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* Features and logits: norm of the difference over the norm, row by row. Both sides sum in 32 bits
 * in their own order, which gives about 1e-6. */
static const double tolerance = 1e-4;
/* Gradients of a tensor, the same over all its numbers. */
static const double gradient_tolerance = 1e-3;

static struct error e;

static void must(enum status rc) {
    if (CHECK_EQUAL(rc, STATUS_OK)) return;
    printf("    %s\n", e.text);
    exit(1);
}

/* --- The expected file --- */

static const struct safetensors_tensor *find(const struct safetensors *s, const char *name) {
    const struct safetensors_tensor *t = NULL;
    must(safetensors_get(s, name, &t, &e));
    return t;
}

static float *floats(const struct safetensors *s, const char *name) {
    const struct safetensors_tensor *t = find(s, name);
    float *values = malloc((size_t)safetensors_elements(t) * sizeof *values);
    must(safetensors_read_f32(t, values, &e));
    return values;
}

/* A copy that is aligned. */
static void *bytes(const struct safetensors *s, const char *name) {
    const struct safetensors_tensor *t = find(s, name);
    void *copy = malloc((size_t)t->n_bytes);
    must(safetensors_read(t, 0, t->n_bytes, copy, &e));
    return copy;
}

struct sample_set {
    int n, context, image_size;
    uint8_t *pixels;
    int32_t *tokens, *length;
};

/* The end token has the largest id. */
static void read_samples(struct sample_set *in, const struct safetensors *s) {
    in->n = (int)find(s, "input.pixels")->shape[0];
    in->image_size = (int)find(s, "input.pixels")->shape[1];
    in->context = (int)find(s, "input.tokens")->shape[1];
    in->pixels = bytes(s, "input.pixels");
    in->tokens = bytes(s, "input.tokens");
    in->length = malloc((size_t)in->n * sizeof *in->length);
    for (int i = 0; i < in->n; i++) {
        const int32_t *row = in->tokens + (ptrdiff_t)i * in->context;
        in->length[i] = 1;
        for (int k = 1; k < in->context; k++)
            if (row[k] > row[in->length[i] - 1]) in->length[i] = k + 1;
    }
}

static void release_samples(struct sample_set *in) {
    free(in->pixels);
    free(in->tokens);
    free(in->length);
}

/* --- Errors --- */

static double relative(const float *found, const float *expected, int64_t n) {
    double difference = 0, norm = 0;
    for (int64_t i = 0; i < n; i++) {
        difference += (found[i] - expected[i]) * (double)(found[i] - expected[i]);
        norm += expected[i] * (double)expected[i];
    }
    return sqrt(difference) / (sqrt(norm) + 1e-30);
}

static double worst_row(const float *found, const struct safetensors *s, const char *name, int n) {
    float *expected = floats(s, name);
    const int64_t width = safetensors_elements(find(s, name)) / n;
    double worst = 0;
    for (int i = 0; i < n; i++) {
        const double error = relative(found + i * width, expected + i * width, width);
        if (!(error <= worst)) worst = error;
    }
    free(expected);
    if (!CHECK_TRUE(worst <= tolerance)) printf("    %s: relative error %g\n", name, worst);
    return worst;
}

/* --- Features --- */

static float *encode(const struct model *m, enum tower tower, const struct sample_set *in) {
    const struct encoder_config config = {.name = "test",
                                          .tower = tower,
                                          .view = model_base_view(m),
                                          .result = ENCODER_FEATURES,
                                          .n_slices = in->n,
                                          .slice_samples = 1,
                                          .rows_per_sample = 1};
    float *rows = malloc((size_t)(in->n * m->architecture.joint) * sizeof *rows);
    struct encoder *n = NULL;
    must(encoder_create(&n, m->backend, &config, &e));
    if (tower == TOWER_IMAGE)
        must(encoder_set_pixels(n, in->pixels, NULL, &e));
    else
        must(encoder_set_text(n, in->tokens, in->context, in->length, &e));
    must(encoder_compute(n, in->n, &e));
    must(m->backend->table->wait(m->backend, &e));
    must(encoder_read(n, rows, &e));
    encoder_destroy(&n);
    return rows;
}

static void check_features(const struct model *m, const struct safetensors *s, bool is_printed) {
    struct sample_set in;
    float scale;
    read_samples(&in, s);
    CHECK_EQUAL(in.image_size, m->architecture.image_size);
    CHECK_EQUAL(in.context, m->architecture.context);
    float *image = encode(m, TOWER_IMAGE, &in), *text = encode(m, TOWER_TEXT, &in);
    float *logits = malloc((size_t)(in.n * in.n) * sizeof *logits);
    must(model_read(m, parameters_find(&m->parameters, "logit_scale"), m->student, &scale, &e));
    for (int i = 0; i < in.n * in.n; i++) {
        const int joint = m->architecture.joint;
        double sum = 0;
        for (int c = 0; c < joint; c++)
            sum += (double)image[i / in.n * joint + c] * (double)text[i % in.n * joint + c];
        logits[i] = (float)(exp((double)scale) * sum);
    }
    const double image_error = worst_row(image, s, "out.image_normalised", in.n),
                 text_error = worst_row(text, s, "out.text_normalised", in.n),
                 logit_error = worst_row(logits, s, "out.logits", in.n);
    if (is_printed)
        printf("relative errors: image %.2g, text %.2g, logits %.2g\n", image_error, text_error,
               logit_error);
    free(logits);
    free(image);
    free(text);
    release_samples(&in);
}

static void open_model(struct model *m, struct backend *b, const char *asked, const char *weights) {
    struct model_config c = {.training = MODEL_TRAIN_ALL};
    must(architecture_choose(&c.architecture, asked, weights, &e));
    must(model_declare(m, &c, &e));
    must(model_allocate(m, b, 1, weights, &e));
}

/* --- Cost --- */

struct cost {
    double wall, cpu; /* seconds */
    double peak;      /* MiB, the most so far */
};

static struct cost cost_now(void) {
    struct timespec t;
    struct rusage r;
    clock_gettime(CLOCK_MONOTONIC, &t);
    getrusage(RUSAGE_SELF, &r);
    return (struct cost){.wall = (double)t.tv_sec + 1e-9 * (double)t.tv_nsec,
                         .cpu = (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
                                1e-6 * (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec),
                         .peak = (double)r.ru_maxrss / 1024};
}

/* Loading and naming weights takes no more memory than the model, which is planned to the byte, but
 * for some pages on their way, and less than a second of one core for every 600 MB. */
static void open_measured(struct model *m, struct backend *b, const char *weights) {
    char digest[33];
    const struct cost before = cost_now();
    open_model(m, b, "", weights);
    must(model_digest(m, MODEL_BASE, digest, &e));
    const struct cost after = cost_now();
    const double planned =
        (double)(m->parameters.frozen_bytes + m->parameters.trainable_bytes) / (1 << 20);
    const double cpu = after.cpu - before.cpu, memory = after.peak - before.peak;
    printf("loaded in %.2f s, %.2f s of one core; memory %.1f MiB, planned %.1f MiB\n",
           after.wall - before.wall, cpu, memory, planned);
    CHECK_TRUE(memory <= planned + 16);
    CHECK_TRUE(cpu <= fmax(1, planned / 572));
}

/* --- Gradients --- */

/* The adapters of the file instead of their starting values. */
static int load_adapters(struct model *m, const struct safetensors *s) {
    int n = 0;
    for (int i = 0; i < m->parameters.n; i++) {
        if (m->parameters.list[i].kind != PARAMETER_ADAPTER) continue;
        float *values = floats(s, m->parameters.list[i].name);
        must(model_write(m, i, values, &e));
        free(values);
        n++;
    }
    return n;
}

static void check_gradients(const struct learner *l, const struct safetensors *s) {
    const struct parameters *p = &l->model->parameters;
    double worst = 0;
    const char *worst_name = "";
    int n = 0;
    for (int i = 0; i < p->n; i++) {
        char name[160];
        const struct parameter *w = &p->list[i];
        const int64_t elements = tensor_elements(&w->tensor);
        if (!w->is_trainable) continue;
        snprintf(name, sizeof name, "grad.%s", w->name);
        float *expected = floats(s, name), *found = malloc((size_t)elements * sizeof *found);
        must(l->backend->table->download(found, l->gradient, w->offset, elements * 4, &e));
        const double error = relative(found, expected, elements);
        if (!CHECK_TRUE(error <= gradient_tolerance))
            printf("    %s: relative error %g\n", name, error);
        if (!(error <= worst)) {
            worst = error;
            worst_name = w->name;
        }
        free(expected);
        free(found);
        n++;
    }
    printf("relative errors: %d gradients, at most %.2g (%s)\n", n, worst, worst_name);
}

/* One training step with LoRA on every layer, as clip_models.py --lora takes it. */
static void check_step(struct backend *b, const char *weights, const struct safetensors *s) {
    const struct safetensors_tensor *any =
        find(s, "visual.transformer.resblocks.0.attn.in_proj.lora_a");
    struct model_config c = {.adapters = {.lora_rank = (int)any->shape[0],
                                          .lora_alpha = 8,
                                          .lora_on = {true, true, true, true},
                                          .tower = {true, true},
                                          .last_layer = -1},
                             .training = MODEL_TRAIN_ADAPTERS};
    struct sample_set in;
    struct model m;
    struct learner l;
    struct plug_set plugs = {0};
    struct learner_numbers numbers;
    read_samples(&in, s);
    const struct plug_host host = {.n_samples = {[BATCH_ROLE_UPDATE] = in.n}};
    must(architecture_choose(&c.architecture, "", weights, &e));
    must(model_declare(&m, &c, &e));
    must(learner_init(&l, &m, in.n % 2 ? 1 : in.n / 2, &e));
    must(plug_set_one(&plugs, "clip", "{\"dedup_targets\": false}", &host, &e));
    must(plug_set_declare(&plugs, &l, &e));
    must(model_allocate(&m, b, 1, weights, &e));
    CHECK_TRUE(load_adapters(&m, s) > 0);
    must(learner_allocate(&l, &e));
    must(plug_set_build(&plugs, &l, &e));
    must(learner_compile(&l, &e));
    uint8_t *usable = malloc((size_t)in.n);
    int32_t *caption = bytes(s, "input.caption_id");
    memset(usable, 1, (size_t)in.n);
    const struct batch batch = {.n_parts = 1,
                                .part[0] = {.role = BATCH_ROLE_UPDATE,
                                            .n = in.n,
                                            .n_views = 1,
                                            .image_size = in.image_size,
                                            .context = in.context,
                                            .pixels = in.pixels,
                                            .tokens = in.tokens,
                                            .length = in.length,
                                            .caption_id = caption,
                                            .usable = usable}};
    const struct plug_moment moment = {.stage_steps = 1, .batch = &batch};
    must(learner_feed(&l, &batch, &e));
    must(plug_set_at(&plugs, PLUG_BEFORE_STEP, &l, &moment, &e));
    must(learner_gradients(&l, &numbers, &e));
    float *expected = floats(s, "out.loss");
    CHECK_CLOSE(numbers.loss[0], *expected, 1e-4);
    check_gradients(&l, s);
    free(expected);
    free(caption);
    free(usable);
    plug_set_release(&plugs);
    learner_release(&l);
    model_release(&m);
    release_samples(&in);
}

static void check_golden(struct backend *b) {
    static const char *const folders[] = {"tests/golden/weights/open_clip",
                                          "tests/golden/weights/transformers"};
    for (int i = 0; i < 2; i++) {
        struct model m;
        struct safetensors *s = NULL;
        char path[256];
        snprintf(path, sizeof path, "%s/expected.safetensors", folders[i]);
        must(safetensors_open(&s, path, &e));
        open_model(&m, b, "", folders[i]);
        check_features(&m, s, false);
        model_release(&m);
        safetensors_destroy(&s);
    }
}

int main(int argc, char **argv) {
    struct backend *b = tested_backend_open();
    if (argc > 1) {
        struct safetensors *s = NULL;
        struct model m;
        char path[FILE_PATH_MAX];
        const char *weights = argc > 2 ? argv[2] : argv[1];
        must(file_join(path, argv[1], "expected.safetensors", &e));
        must(safetensors_open(&s, path, &e));
        if (safetensors_find(s, "out.loss")) {
            check_step(b, weights, s);
        } else {
            open_measured(&m, b, weights);
            check_features(&m, s, true);
            model_release(&m);
        }
        safetensors_destroy(&s);
    } else {
        check_golden(b);
    }
    tested_backend_close(&b);
    return check_report();
}
