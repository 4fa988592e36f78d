/* Loss terms and adapters inside whole jobs of the tiny recipe: the properties that the methods
 * promise whatever the numbers are. Expected values follow from the definitions: a student equal
 * to its teacher has nothing to learn, an average of a constant is geometric, a weight of 0 is no
 * term. */
#include "models/clip/encoder.h"
#include "pipeline/base/file.h"
#include "pipeline/base/random.h"
#include "pipeline/train/job.h"
#include "shaders/params/adamw.h"
#include "tests/check.h"
#include "tests/fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SETTINGS_MAX = 16 };

static struct error e;
static const char *folder;

#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) != STATUS_OK) {                                                                 \
            printf("%s:%d: %s\n", __FILE__, __LINE__, e.text);                                     \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* --- A job in the middle of a run --- */

struct run {
    struct recipe *recipe;
    struct job job;
    struct stream *stream;
    const struct batch *batch; /* of the last step */
    struct learner_numbers numbers;
    double rate; /* of the next steps */
};

/* Copies a file of the source tree, so that indices are written elsewhere. */
static void copy(const char *name) {
    char from[FILE_PATH_MAX], *bytes;
    size_t n;
    snprintf(from, sizeof from, "%s/%s", SAPWOOD_SOURCE_DIR, name);
    MUST(file_read_all(&bytes, &n, from, 1 << 26, &e));
    fixture_write(fixture_path(folder, name), bytes, n);
    free(bytes);
}

/* The architecture of the tiny recipe without texts, with registers and layer scale. */
static const char registers[] =
    "{\"embed_dim\": 32, \"vision_cfg\": {\"image_size\": 32, \"patch_size\": 8, \"width\": 32, "
    "\"layers\": 2, \"head_width\": 16, \"reg_tokens\": 3, \"ls_init_value\": 0.5, \"no_ln_pre\": "
    "true, "
    "\"proj_type\": \"none\"}}";

static void copy_recipe(void) {
    folder = fixture_folder();
    MUST(file_make_folders(fixture_path(folder, "recipes"), &e));
    MUST(file_make_folders(fixture_path(folder, "tests/fixtures"), &e));
    copy("recipes/tiny.json");
    copy("recipes/tiny-architecture.json");
    fixture_write(fixture_path(folder, "recipes/registers.json"), registers, strlen(registers));
    copy("tests/fixtures/vocabulary.txt");
    copy("tests/fixtures/emoji-train.tar");
    copy("tests/fixtures/fashion-train.tar");
    copy("tests/fixtures/openclipart-train.tar");
}

/* Opens the tiny recipe with settings (up to the first NULL) at its first step. */
static void run_open(struct run *r, const char *const *settings) {
    int n = 0;
    struct stream_config c;
    *r = (struct run){0};
    while (n < SETTINGS_MAX && settings[n]) n++;
    MUST(recipe_read(&r->recipe, fixture_path(folder, "recipes/tiny.json"), settings, n, &e));
    MUST(job_open(&r->job, r->recipe, fixture_path(folder, "run"), NULL, &e));
    MUST(job_stream(&r->job, 0, 0, 0, &c, &e));
    MUST(stream_open(&r->stream, &c, &e));
}

static void run_close(struct run *r) {
    if (r->batch) stream_give_back(r->stream, r->batch);
    stream_close(&r->stream);
    job_close(&r->job);
    recipe_destroy(&r->recipe);
}

/* The next batch, or the same one again, up to gradients and norm. */
static void run_gradients(struct run *r, bool next) {
    struct learner *l = &r->job.learner;
    if (next) {
        if (r->batch) stream_give_back(r->stream, r->batch);
        MUST(stream_next(r->stream, &r->batch, &e));
    }
    struct plug_moment m = job_moment(&r->job, 0, r->batch->step);
    m.batch = r->batch;
    MUST(learner_feed(l, r->batch, &e));
    MUST(plug_set_at(&r->job.plugs, PLUG_BEFORE_STEP, l, &m, &e));
    live_numbers_of(&l->live, live_numbers_find(&l->live, "adamw"))[ADAMW_RATE] = (float)r->rate;
    MUST(learner_gradients(l, &r->numbers, &e));
}

/* With a learning rate of its own. */
static void run_update(struct run *r, double rate) {
    r->rate = rate;
    run_gradients(r, true);
    MUST(learner_update(&r->job.learner, &e));
    struct plug_moment m = job_moment(&r->job, 0, r->batch->step);
    MUST(plug_set_at(&r->job.plugs, PLUG_AFTER_UPDATE, &r->job.learner, &m, &e));
}

static uint8_t *download(const struct run *r, struct buffer *b) {
    uint8_t *bytes = malloc((size_t)b->bytes);
    MUST(r->job.backend->table->download(bytes, b, 0, b->bytes, &e));
    return bytes;
}

/* Adds noise to every adapter weight, so that the student is another model. */
static void disturb(struct run *r) {
    struct model *m = &r->job.model;
    struct random noise = random_begin(7, RANDOM_TEST, 0, 0);
    for (int i = 0; i < m->parameters.n; i++) {
        const struct parameter *p = &m->parameters.list[i];
        const int64_t n = tensor_elements(&p->tensor);
        if (p->kind != PARAMETER_ADAPTER) continue;
        float *values = malloc((size_t)n * sizeof *values);
        MUST(model_read(m, i, m->student, values, &e));
        for (int64_t k = 0; k < n; k++) values[k] += 0.5f * random_float(&noise) - 0.25f;
        MUST(model_write(m, i, values, &e));
        free(values);
    }
}

enum { TEACHER = LEARNER_STUDENT + 1 }; /* the only slot there is */
static struct buffer *teacher_of(const struct run *r) {
    CHECK_TEXT(r->job.learner.slot[TEACHER].name, "teacher");
    return learner_weights(&r->job.learner, TEACHER);
}

/* --- Adapters --- */

/* Features of the update images through a view of the weights. */
static void features(const struct run *r, const struct weights_view *view, enum tower tower,
                     float *out) {
    const struct batch_part *part = plug_part(r->batch, BATCH_ROLE_UPDATE);
    const struct encoder_config c = {.name = "test",
                                     .tower = tower,
                                     .view = *view,
                                     .result = ENCODER_FEATURES,
                                     .rows_per_sample = 1,
                                     .n_slices = 2,
                                     .slice_samples = 8};
    struct encoder *n;
    MUST(encoder_create(&n, r->job.backend, &c, &e));
    if (tower == TOWER_IMAGE)
        MUST(encoder_set_pixels(n, part->pixels, NULL, &e));
    else
        MUST(encoder_set_text(n, part->tokens, part->context, part->length, &e));
    MUST(encoder_compute(n, 2, &e));
    MUST(encoder_read(n, out, &e));
    encoder_destroy(&n);
}

static int count_different(const float *a, const float *b, int n) {
    int different = 0;
    for (int i = 0; i < n; i++) different += !(a[i] == b[i]);
    return different;
}

/* New adapters change no bit of any feature; disturbed ones do. */
static void test_identity(const char *const *settings) {
    struct run r;
    enum { N = 16 * 32 };
    float with[N], without[N];
    run_open(&r, settings);
    run_gradients(&r, true);
    for (int round = 0; round < 2; round++) {
        const struct weights_view adapted = model_view(&r.job.model);
        const struct weights_view base = model_base_view(&r.job.model);
        for (int tower = 0; tower < TOWER_COUNT; tower++) {
            features(&r, &adapted, (enum tower)tower, with);
            features(&r, &base, (enum tower)tower, without);
            const int different = count_different(with, without, N);
            CHECK_TRUE(round == 0 ? different == 0 : different > N / 2);
        }
        disturb(&r);
    }
    run_close(&r);
}

/* --- ZSCL --- */

/* At the start the student is the teacher: divergence and gradient are 0 but for the rounding of
 * features, and any other student has a larger loss on the same batch. */
static void test_zscl(const char *const *settings) {
    struct run r;
    double start[2];
    run_open(&r, settings);
    run_gradients(&r, true);
    CHECK_EQUAL(r.job.learner.n_losses, 2);
    CHECK_TRUE(r.numbers.is_finite);
    for (int i = 0; i < 2; i++) start[i] = r.numbers.loss[i];
    const double norm = r.numbers.norm;
    disturb(&r);
    run_gradients(&r, false);
    for (int i = 0; i < 2; i++) {
        CHECK_CLOSE(start[i], 0,
                    1e-6); /* a cross-entropy would be near 9 log 8, of temperature 3 */
        CHECK_TRUE(r.numbers.loss[i] > 1e-4);
    }
    CHECK_TRUE(norm <= 1e-5 * r.numbers.norm);
    run_close(&r);
}

/* A term of weight 0 leaves plain fine-tuning as it is, bit for bit. */
static void test_no_weight(void) {
    static const char *const plain[] = {"losses=[{\"type\":\"clip\"}]", NULL};
    static const char *const both[] = {
        "losses=[{\"type\":\"clip\"},{\"type\":\"zscl\",\"weight\":0,\"student_texts\":true}]",
        NULL};
    struct run a, b;
    run_open(&a, plain);
    run_open(&b, both);
    for (int i = 0; i < 5; i++) {
        run_update(&a, 1e-3);
        run_update(&b, 1e-3);
        CHECK_TRUE(a.numbers.total == b.numbers.total && a.numbers.norm == b.numbers.norm);
    }
    uint8_t *x = download(&a, a.job.model.student), *y = download(&b, b.job.model.student);
    CHECK_EQUAL(a.job.model.student->bytes, b.job.model.student->bytes);
    CHECK_TRUE(!memcmp(x, y, (size_t)a.job.model.student->bytes));
    free(x);
    free(y);
    run_close(&a);
    run_close(&b);
}

/* --- GLARE --- */

#define GLARE                                                                                      \
    "\"type\":\"glare\",\"hidden\":64,\"bottleneck\":16,\"prototypes\":64,\"patches\":4,"          \
    "\"teacher_temperature\":0.1,\"student_temperature\":0.1"

/* The same picture in both views, equal temperatures, a teacher equal to the student: gradient 0
 * but for rounding. Blurred patches, or another student, and there is something to learn. */
static void test_glare_zero(void) {
    static const char *const same[] = {"losses=[{" GLARE "}]",
                                       "data.view.augment={\"crop_area_min\":0}",
                                       "data.view.blur_share=0", NULL};
    static const char *const blurred[] = {"losses=[{" GLARE "}]",
                                          "data.view.augment={\"crop_area_min\":0}",
                                          "data.view.blur_share=0.5", NULL};
    struct run r;
    run_open(&r, same);
    run_gradients(&r, true);
    const double norm = r.numbers.norm, start = r.numbers.total;
    disturb(&r);
    run_gradients(&r, false);
    CHECK_TRUE(norm <= 1e-5 * r.numbers.norm);
    CHECK_TRUE(r.numbers.total > start);
    run_close(&r);
    run_open(&r, blurred);
    run_gradients(&r, true);
    CHECK_TRUE(r.numbers.norm > 1e-3);
    run_close(&r);
}

/* Teacher minus student shrinks by the momentum m per step while the student does not move; the
 * centre after one step is (1 - momentum) times a mean that is not 0. */
static void test_average(void) {
    static const char *const settings[] = {"losses=[{" GLARE ",\"teacher_momentum\":0.9}]", NULL};
    enum { STEPS = 6 };
    struct run r;
    run_open(&r, settings);
    struct learner *l = &r.job.learner;
    struct buffer *slot = teacher_of(&r);
    const int64_t bytes = slot->bytes;
    float *student = (float *)download(&r, r.job.model.student), *teacher = malloc((size_t)bytes);
    for (int64_t i = 0; i < bytes / 4; i++) teacher[i] = student[i] + 1;
    MUST(r.job.backend->table->upload(slot, 0, teacher, bytes, &e));
    free(teacher);
    for (int i = 0; i < STEPS; i++) run_update(&r, 0);
    float *after = (float *)download(&r, r.job.model.student);
    CHECK_TRUE(!memcmp(student, after, (size_t)bytes));
    teacher = (float *)download(&r, slot);
    double worst = 0; /* 6 roundings of numbers near 1: 6 x 6e-8 */
    for (int64_t i = 0; i < r.job.model.parameters.trainable_bytes / 4; i++)
        worst = fmax(worst, fabs(teacher[i] - (double)student[i] - pow(0.9, STEPS)));
    CHECK_TRUE(worst <= 1e-6);
    for (int i = 0; i < l->n_states; i++) {
        if (strcmp(l->state[i].name, "glare.center.global")) continue;
        float *center = (float *)download(&r, l->state[i].buffer);
        CHECK_TRUE(center[0] != 0);
        free(center);
    }
    free(student);
    free(after);
    free(teacher);
    run_close(&r);
}

/* --- Training --- */

/* All terms train for some steps: frozen bytes stay, trained ones do not. */
static void test_frozen(void) {
    static const char *const settings[] = {NULL};
    struct run r;
    char before[33], after[33];
    run_open(&r, settings);
    const struct model *m = &r.job.model;
    uint8_t *frozen = download(&r, m->frozen), *student = download(&r, m->student);
    MUST(model_digest(m, MODEL_BASE, before, &e));
    for (int i = 0; i < 5; i++) run_update(&r, 1e-3);
    uint8_t *frozen_after = download(&r, m->frozen), *student_after = download(&r, m->student);
    CHECK_TRUE(!memcmp(frozen, frozen_after, (size_t)m->frozen->bytes));
    for (int i = 0; i < m->parameters.n; i++) {
        const struct parameter *p = &m->parameters.list[i];
        if (!p->is_trainable) continue;
        const bool moved = memcmp(student + p->offset, student_after + p->offset,
                                  (size_t)tensor_bytes(&p->tensor)) != 0;
        if (!CHECK_TRUE(moved)) printf("    %s was not trained\n", p->name);
    }
    MUST(model_digest(m, MODEL_BASE, after, &e));
    CHECK_TRUE(strlen(before) == 32 && strlen(after) == 32);
    free(frozen);
    free(student);
    free(frozen_after);
    free(student_after);
    run_close(&r);
}

/* A number that is not finite, in a loss or only in a gradient, is seen before the update. */
static void test_not_finite(void) {
    static const char *const settings[] = {NULL};
    struct run r;
    run_open(&r, settings);
    struct model *m = &r.job.model;
    run_gradients(&r, true);
    CHECK_TRUE(r.numbers.is_finite);
    const int scale = parameters_find(&m->parameters, "logit_scale");
    /* exp(70) is finite and so is the loss, but not the square in the gradient's norm */
    const float wrong[] = {NAN, INFINITY, 70};
    float kept;
    MUST(model_read(m, scale, m->student, &kept, &e));
    for (int i = 0; i < 3; i++) {
        MUST(model_write(m, scale, &wrong[i], &e));
        run_gradients(&r, false);
        CHECK_TRUE(!r.numbers.is_finite);
        CHECK_TRUE((isfinite(r.numbers.total) != 0) == (i == 2));
    }
    MUST(model_write(m, scale, &kept, &e));
    run_gradients(&r, false);
    CHECK_TRUE(r.numbers.is_finite);
    run_close(&r);
}

/* --- Values: the formulas of the terms' headers in double, from the rows that the encoders give
 * --- */

/* Writable: tests make holes in a batch that the loader gave. */
static struct batch_part *part_of(const struct run *r, enum batch_role role) {
    return (struct batch_part *)plug_part(r->batch, role);
}

/* Result rows of the learner's encoder of a role, as the last step left them. */
static float *rows_of(const struct run *r, enum batch_role role, enum tower tower, int slot,
                      int *width) {
    const struct learner *l = &r->job.learner;
    for (int i = 0; i < l->n_encoders; i++) {
        const struct learner_encoder_request *q = &l->request[i];
        if (q->role != role || q->tower != tower || q->slot != slot) continue;
        const struct encoder *n = l->encoder[i];
        const int rows = n->config.n_slices * n->config.slice_samples * n->config.rows_per_sample;
        float *out = malloc((size_t)rows * (size_t)n->row_width * sizeof *out);
        MUST(encoder_read(n, out, &e));
        *width = n->row_width;
        return out;
    }
    printf("no encoder of role %d\n", (int)role);
    exit(1);
}

static double dot(const float *a, const float *b, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += (double)a[i] * b[i];
    return sum;
}

/* -sum softmax(teacher) log softmax(student) over n numbers `stride` apart. */
static double cross_entropy(const double *teacher, const double *student, int n, int stride) {
    double q_sum = 0, p_sum = 0, q_max = -1e300, p_max = -1e300, sum = 0;
    for (int i = 0; i < n; i++) {
        q_max = fmax(q_max, teacher[i * stride]);
        p_max = fmax(p_max, student[i * stride]);
    }
    for (int i = 0; i < n; i++) {
        q_sum += exp(teacher[i * stride] - q_max);
        p_sum += exp(student[i * stride] - p_max);
    }
    for (int i = 0; i < n; i++)
        sum -=
            exp(teacher[i * stride] - q_max) / q_sum * (student[i * stride] - p_max - log(p_sum));
    return sum;
}

static double scale_of(const struct run *r) {
    const struct model *m = &r->job.model;
    float scale;
    MUST(model_read(m, parameters_find(&m->parameters, "logit_scale"), m->student, &scale, &e));
    return exp(scale);
}

static void set_scale(struct run *r, double value) {
    struct model *m = &r->job.model;
    const float scale = (float)log(value);
    MUST(model_write(m, parameters_find(&m->parameters, "logit_scale"), &scale, &e));
}

/* Temperature 3, one hole, another student whose logit_scale moved: that of the base model counts.
 */
static void test_zscl_values(const char *const *settings, bool student_texts) {
    enum { N = 8, HOLE = 2 };
    struct run r;
    int width;
    const struct plug_reference *images, *texts;
    run_open(&r, settings);
    const double scale = scale_of(&r) / 3;
    run_gradients(&r, true);
    disturb(&r);
    set_scale(&r, 50);
    struct batch_part *part = part_of(&r, BATCH_ROLE_REF_IMAGE);
    part->usable[HOLE] = 0;
    run_gradients(&r, false);
    const struct plug_host *p = &r.job.plugs.list[0]->host;
    MUST(p->reference(p->context, BATCH_ROLE_REF_IMAGE, TOWER_IMAGE, 0, &images, &e));
    MUST(p->reference(p->context, BATCH_ROLE_REF_TEXT, TOWER_TEXT, student_texts ? 0 : N, &texts,
                      &e));
    float *u = rows_of(&r, BATCH_ROLE_REF_IMAGE, TOWER_IMAGE, LEARNER_STUDENT, &width);
    float *v = student_texts ? rows_of(&r, BATCH_ROLE_REF_TEXT, TOWER_TEXT, LEARNER_STUDENT, &width)
                             : NULL;
    double teacher[N * N], student[N * N];
    int n = 0;
    for (int i = 0; i < N; i++) {
        const float *u_bar = NULL;
        if (i == HOLE) continue;
        for (int64_t k = 0; k < images->n; k++)
            if (images->sample_id[k] == part->sample_id[i]) u_bar = images->features + k * width;
        for (int j = 0; j < N; j++) {
            const float *v_bar = student_texts ? NULL : texts->features + j * width;
            for (int64_t k = 0; k < texts->n && student_texts; k++)
                if (texts->sample_id[k] == part_of(&r, BATCH_ROLE_REF_TEXT)->sample_id[j])
                    v_bar = texts->features + k * width;
            if (!u_bar || !v_bar) exit(!CHECK_TRUE(!"a reference is missing"));
            teacher[n * N + j] = scale * dot(u_bar, v_bar, width);
            student[n * N + j] = scale * dot(u + i * width, v ? v + j * width : v_bar, width);
        }
        n++;
    }
    double rows = 0, columns = 0;
    for (int i = 0; i < n; i++)
        rows += cross_entropy(teacher + i * N, student + i * N, N, 1) -
                cross_entropy(teacher + i * N, teacher + i * N, N, 1);
    for (int j = 0; j < N; j++)
        columns += cross_entropy(teacher + j, student + j, n, N) -
                   cross_entropy(teacher + j, teacher + j, n, N);
    /* fp32 sums of some hundred terms: 1e-5 */
    CHECK_CLOSE(r.numbers.loss[0] / (9 * rows / n), 1, 1e-5);
    CHECK_CLOSE(r.numbers.loss[1] / (9 * columns / N), 1, 1e-5);
    free(u);
    free(v);
    run_close(&r);
}

/* A hole and a caption that is there twice. */
static void test_clip_values(const char *const *settings, bool dedup) {
    enum { N = 16, HOLE = 5, FIRST = 3, SECOND = 7 };
    struct run r;
    int width, id[N], n = 0;
    double logit[N * N];
    run_open(&r, settings);
    run_gradients(&r, true);
    disturb(&r);
    struct batch_part *part = part_of(&r, BATCH_ROLE_UPDATE);
    part->usable[HOLE] = 0;
    part->caption_id[SECOND] = part->caption_id[FIRST];
    run_gradients(&r, false);
    float *u = rows_of(&r, BATCH_ROLE_UPDATE, TOWER_IMAGE, LEARNER_STUDENT, &width);
    float *v = rows_of(&r, BATCH_ROLE_UPDATE, TOWER_TEXT, LEARNER_STUDENT, &width);
    for (int i = 0; i < N; i++) {
        if (i == HOLE) continue;
        id[n] = dedup ? part->caption_id[i] : i;
        for (int j = 0, k = 0; j < N; j++)
            if (j != HOLE)
                logit[n * N + k++] = scale_of(&r) * dot(u + i * width, v + j * width, width);
        n++;
    }
    double sum = 0;
    for (int i = 0; i < n; i++) {
        double target[N]; /* logarithms of the targets, less a constant */
        for (int j = 0; j < n; j++) target[j] = id[i] == id[j] ? 0 : -1e4;
        sum += cross_entropy(target, logit + (ptrdiff_t)i * N, n, 1);
        double column[N];
        for (int j = 0; j < n; j++) column[j] = logit[j * N + i];
        sum += cross_entropy(target, column, n, 1);
    }
    CHECK_CLOSE(r.numbers.loss[0] / (sum / (2 * n)), 1, 1e-5);
    free(u);
    free(v);
    run_close(&r);
}

enum { PICTURES = 8, PATCHES = 4, PER_PICTURE = 1 + PATCHES, ROWS = 2 * PICTURES * PER_PICTURE };
enum { LAYER_MAX = 64, PROTOTYPES = 64, VIEW_HOLE = 1 };

/* One layer of the head, y = W x + b, from the parameters of that name. */
static void layer(const struct run *r, struct buffer *weights, const char *name, int in, int out,
                  const double *x, double *y) {
    const struct model *m = &r->job.model;
    char text[64];
    float *w = malloc((size_t)(in * out) * sizeof *w), bias[LAYER_MAX] = {0};
    snprintf(text, sizeof text, "glare.%s.weight", name);
    MUST(model_read(m, parameters_find(&m->parameters, text), weights, w, &e));
    snprintf(text, sizeof text, "glare.%s.bias", name);
    if (parameters_find(&m->parameters, text) >= 0)
        MUST(model_read(m, parameters_find(&m->parameters, text), weights, bias, &e));
    for (int o = 0; o < out; o++) {
        y[o] = bias[o];
        for (int i = 0; i < in; i++) y[o] += w[o * in + i] * x[i];
    }
    free(w);
}

/* Logits (ROWS, PROTOTYPES) of all rows of the student or of the teacher. */
static double *head_logits(const struct run *r, int which) {
    struct buffer *weights = which == LEARNER_STUDENT ? r->job.model.student : teacher_of(r);
    int width;
    float *rows = rows_of(r, BATCH_ROLE_VIEW, TOWER_IMAGE, which, &width);
    double *logits = malloc(sizeof(double) * ROWS * PROTOTYPES);
    double a[512], b[LAYER_MAX], length;
    CHECK_TRUE(width <= 512);
    for (int i = 0; i < ROWS; i++) {
        for (int k = 0; k < width; k++) a[k] = rows[i * width + k];
        layer(r, weights, "head.0", width, 64, a, b);
        for (int k = 0; k < 64; k++) b[k] *= (1 + erf(b[k] / sqrt(2))) / 2;
        layer(r, weights, "head.1", 64, 64, b, a);
        for (int k = 0; k < 64; k++) a[k] *= (1 + erf(a[k] / sqrt(2))) / 2;
        layer(r, weights, "head.2", 64, 16, a, b);
        length = 0;
        for (int k = 0; k < 16; k++) length += b[k] * b[k];
        for (int k = 0; k < 16; k++) b[k] /= sqrt(length);
        layer(r, weights, "prototypes", 16, PROTOTYPES, b, logits + (ptrdiff_t)i * PROTOTYPES);
    }
    free(rows);
    return logits;
}

static struct buffer *state_of(const struct run *r, const char *name) {
    for (int i = 0; i < r->job.learner.n_states; i++)
        if (!strcmp(r->job.learner.state[i].name, name)) return r->job.learner.state[i].buffer;
    return NULL;
}

/* Loss of a level and what its centre becomes: class tokens of crossed views, or patches of the
 * same view. Temperatures 0.1 and 0.04, centre momentum 0.8. */
static double glare_level(const double *student, const double *teacher, bool is_local,
                          const float *center, double *next) {
    const int each = is_local ? PATCHES : 1;
    const double weight = 1.0 / (2 * (PICTURES - 1) * each);
    double loss = 0;
    for (int k = 0; k < PROTOTYPES; k++) next[k] = 0.8 * center[k];
    for (int row = 0; row < 2 * PICTURES; row++) {
        const int other = is_local ? row : (row + PICTURES) % (2 * PICTURES);
        if (row % PICTURES == VIEW_HOLE) continue;
        for (int t = is_local; t < is_local + each; t++) {
            double q[PROTOTYPES], p[PROTOTYPES];
            for (int k = 0; k < PROTOTYPES; k++) {
                const double logit = teacher[(other * PER_PICTURE + t) * PROTOTYPES + k];
                q[k] = (logit - center[k]) / 0.04;
                p[k] = student[(row * PER_PICTURE + t) * PROTOTYPES + k] / 0.1;
                next[k] += 0.2 * weight * logit;
            }
            loss += weight * cross_entropy(q, p, PROTOTYPES, 1);
        }
    }
    return loss;
}

/* Class token first, then different patches; the same for teacher and student. */
static void check_tokens(const struct run *r) {
    const struct learner *l = &r->job.learner;
    const int tokens = r->job.model.architecture.tower[TOWER_IMAGE].tokens;
    const int first_patch = architecture_first_patch(&r->job.model.architecture);
    int32_t *index[2] = {NULL, NULL};
    CHECK_EQUAL(l->n_encoders, 2);
    for (int i = 0; i < 2; i++) index[i] = (int32_t *)download(r, l->encoder[i]->index);
    for (int view = 0; view < 2; view++) { /* a view is a slice */
        const int64_t begin = view * l->encoder[0]->index_stride / 4;
        const int32_t *at = index[0] + begin;
        CHECK_TRUE(!memcmp(at, index[1] + begin, sizeof *at * PICTURES * PER_PICTURE));
        for (int row = 0; row < PICTURES * PER_PICTURE; row++) {
            const int first = row / PER_PICTURE * tokens, k = row % PER_PICTURE;
            bool fits = k == 0 ? at[row] == first
                               : at[row] >= first + first_patch && at[row] < first + tokens;
            for (int i = 1; i < k; i++) fits = fits && at[row - i] != at[row];
            CHECK_TRUE(fits);
        }
    }
    free(index[0]);
    free(index[1]);
}

/* Which patches of a picture meet differs from step to step and between the views, and is the same
 * when a step is computed again. */
static void test_glare_draws(void) {
    static const char *const settings[] = {"losses=[{" GLARE "}]", NULL};
    enum { STEPS = 4, PER_VIEW = PICTURES * PER_PICTURE };
    int32_t drawn[STEPS][2][PER_VIEW];
    struct run r;
    int n_same = 0, n_pairs = 0;
    run_open(&r, settings);
    run_gradients(&r, true);
    const struct encoder *encoder = r.job.learner.encoder[0];
    const int64_t first = r.batch->step;
    for (int step = 0; step < STEPS; step++) {
        ((struct batch *)r.batch)->step = first + 10 * step; /* the same pictures */
        for (int again = 0; again < 2; again++) {
            run_gradients(&r, false);
            uint8_t *index = download(&r, encoder->index);
            for (int view = 0; view < 2; view++) {
                const uint8_t *at = index + view * encoder->index_stride;
                if (again) CHECK_TRUE(!memcmp(drawn[step][view], at, sizeof drawn[step][view]));
                memcpy(drawn[step][view], at, sizeof drawn[step][view]);
            }
            free(index);
        }
    }
    /* Of 16 patches 4 are drawn: one draw in 43680 is that of another step or view. */
    for (int a = 0; a < 2 * STEPS; a++)
        for (int b = 0; b < a; b++)
            for (int i = 0; i < PICTURES; i++, n_pairs++)
                n_same +=
                    !memcmp(drawn[a / 2][a % 2] + i * PER_PICTURE,
                            drawn[b / 2][b % 2] + i * PER_PICTURE, PER_PICTURE * sizeof(int32_t));
    CHECK_TRUE(n_same <= n_pairs / 20);
    ((struct batch *)r.batch)->step = first;
    run_close(&r);
}

static void test_glare_values(bool has_registers) {
    const char *const settings[] = {
        "losses=[{\"type\":\"glare\",\"hidden\":64,\"bottleneck\":16,\"prototypes\":64,"
        "\"patches\":4,\"teacher_temperature\":0.04,\"student_temperature\":0.1,"
        "\"center_momentum\":0.8,\"teacher_momentum\":0.7}]",
        has_registers ? "model.architecture=registers.json" : NULL,
        "model.vocabulary=",
        "data.update=null",
        "data.buffer=null",
        "data.ref_text=null",
        NULL};
    static const char *const centers[] = {"glare.center.global", "glare.center.local"};
    struct run r;
    float center[PROTOTYPES];
    double next[PROTOTYPES], worst = 0;
    run_open(&r, settings);
    const int64_t n = r.job.model.parameters.trainable_bytes / 4;
    float *old = (float *)download(&r, teacher_of(&r));
    run_update(&r, 1e-3);
    float *teacher = (float *)download(&r, teacher_of(&r));
    float *student = (float *)download(&r, r.job.model.student);
    for (int64_t i = 0; i < n; i++)
        worst = fmax(worst, fabs(teacher[i] - (0.7 * old[i] + 0.3 * student[i])));
    CHECK_TRUE(worst <= 1e-6); /* roundings of numbers up to 3 */
    free(old);
    free(teacher);
    free(student);
    disturb(&r);
    for (int k = 0; k < PROTOTYPES; k++) center[k] = 0.02f * (float)(k % 7);
    for (int i = 0; i < 2; i++)
        MUST(r.job.backend->table->upload(state_of(&r, centers[i]), 0, center, sizeof center, &e));
    part_of(&r, BATCH_ROLE_VIEW)->usable[VIEW_HOLE] = 0;
    run_gradients(&r, false);
    check_tokens(&r);
    double *p = head_logits(&r, LEARNER_STUDENT), *q = head_logits(&r, TEACHER);
    MUST(learner_update(&r.job.learner, &e));
    for (int i = 0; i < 2; i++) {
        /* fp32 logits, 25 times larger under the softmax: 1e-5 */
        CHECK_CLOSE(r.numbers.loss[i] / glare_level(p, q, i == 1, center, next), 1, 1e-5);
        float *found = (float *)download(&r, state_of(&r, centers[i]));
        worst = 0;
        for (int k = 0; k < PROTOTYPES; k++) worst = fmax(worst, fabs(found[k] - next[k]));
        CHECK_TRUE(worst <= 1e-6);
        free(found);
    }
    free(p);
    free(q);
    run_close(&r);
}

/* The weight of a term rises by equal shares over ramp_steps and stays. */
static void test_ramp(void) {
    static const char *const settings[] = {
        "losses=[{\"type\":\"clip\",\"weight\":2,\"ramp_steps\":3}]", NULL};
    static const double expected[] = {0.5, 1, 1.5, 2, 2};
    struct run r;
    run_open(&r, settings);
    for (int i = 0; i < 5; i++) {
        run_update(&r, 0);
        const struct live_numbers *live = &r.job.learner.live;
        CHECK_CLOSE(*live_numbers_of(live, live_numbers_find(live, "clip weight")), expected[i],
                    1e-6);
        CHECK_CLOSE(r.numbers.total, expected[i] * r.numbers.loss[0], 1e-6);
    }
    run_close(&r);
}

/* A type may be there twice, each under its own name, with fields of its own. */
static void test_twice(void) {
    static const char *const two[] = {
        "losses=[{\"type\":\"clip\"},{\"type\":\"clip\",\"name\":\"half\",\"weight\":0.5}]", NULL};
    static const char *const heads[] = {"losses=[{" GLARE "},{" GLARE ",\"name\":\"other\"}]",
                                        NULL};
    struct run r;
    run_open(&r, two);
    run_update(&r, 0);
    CHECK_EQUAL(r.job.learner.n_losses, 2);
    CHECK_TEXT(r.job.learner.loss[1].name, "half");
    CHECK_TRUE(r.numbers.loss[0] == r.numbers.loss[1]);
    CHECK_CLOSE(r.numbers.total, 1.5 * r.numbers.loss[0], 1e-6);
    run_close(&r);
    run_open(&r, heads);
    run_update(&r, 1e-3);
    CHECK_TEXT(r.job.learner.loss[3].name, "other_local");
    CHECK_TRUE(parameters_find(&r.job.model.parameters, "other.head.0.weight") >= 0);
    CHECK_TRUE(state_of(&r, "glare.center.local") && state_of(&r, "other.center.local"));
    CHECK_TRUE(r.numbers.loss[0] != r.numbers.loss[2]); /* heads start from their names */
    run_close(&r);
}

int main(void) {
    static const char *const lora[] = {"model.uniadapter=null", NULL};
    static const char *const uniadapter[] = {"model.lora=null", NULL};
    static const char *const neither_alone[] = {NULL};
    static const char *const fixed_texts[] = {"losses=[{\"type\":\"zscl\",\"reference_texts\":8}]",
                                              NULL};
    static const char *const student_texts[] = {
        "losses=[{\"type\":\"zscl\",\"student_texts\":true}]", NULL};
    static const char *const fixed_values[] = {
        "losses=[{\"type\":\"zscl\",\"reference_texts\":8,\"temperature\":3}]", NULL};
    static const char *const student_values[] = {
        "losses=[{\"type\":\"zscl\",\"student_texts\":true,\"temperature\":3}]", NULL};
    static const char *const dedup[] = {"losses=[{\"type\":\"clip\",\"dedup_targets\":true}]",
                                        NULL};
    static const char *const no_dedup[] = {"losses=[{\"type\":\"clip\",\"dedup_targets\":false}]",
                                           NULL};
    copy_recipe();
    test_zscl_values(fixed_values, false);
    test_zscl_values(student_values, true);
    test_clip_values(dedup, true);
    test_clip_values(no_dedup, false);
    test_glare_draws();
    test_glare_values(false);
    test_glare_values(true);
    test_ramp();
    test_twice();
    test_identity(lora);
    test_identity(uniadapter);
    test_identity(neither_alone);
    test_zscl(fixed_texts);
    test_zscl(student_texts);
    test_no_weight();
    test_glare_zero();
    test_average();
    test_frozen();
    test_not_finite();
    return check_report();
}
