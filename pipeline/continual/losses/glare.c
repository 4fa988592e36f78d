/* glare: self-supervised consistency of views, global and local, with a moving-average teacher.
 *
 * Each picture is there as views A, B (for the teacher) and as the same views with a share of their
 * patches blurred (for the student). Tokens of the image tower after its final norm go through a
 * head (three layers with GELU, normalised, then K prototypes); the teacher's logits are centred:
 *   q = softmax((teacher - center) / teacher_temperature)
 *   p = softmax(student / student_temperature)
 *   global: -q log p of the class tokens, teacher's A with student's B and the other way round
 *   local:  -q log p of `patches` drawn patch tokens, same view, same place
 *   center = center_momentum center + (1 - center_momentum) mean teacher logits, one per level
 *   teacher = teacher_momentum teacher + (1 - teacher_momentum) student, trainable weights only
 * Source: GLARE (arXiv 2509.17816), from its abstract and an independent re-implementation: head,
 * temperatures and momenta as there; rows of the local term drawn per step (ours). */
#include "models/ops/activation.h"
#include "models/ops/blend.h"
#include "models/ops/column_sum.h"
#include "models/ops/gather_rows.h"
#include "models/ops/linear.h"
#include "models/ops/normalize.h"
#include "models/ops/soft_target_loss.h"
#include "pipeline/base/random.h"
#include "pipeline/continual/losses/loss.h"
#include "pipeline/continual/weights/teacher.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VIEWS = 2, LEVELS = 2, GLOBAL = 0, LOCAL = 1 };

struct glare_fields {
    struct loss_fields loss;
    int64_t hidden, bottleneck, prototypes;
    double student_temperature, teacher_temperature;
    double center_momentum, teacher_momentum;
    double global_weight, local_weight;
    int64_t patches; /* patch rows per picture in the local term */
};

#define COUNT(name, preset_text, help_text)                                                        \
    {                                                                                              \
#name, SCHEMA_INT, offsetof(struct glare_fields, name),                                    \
            .min = 1, .max = 1 << 20, .preset = preset_text, .help = help_text                     \
    }
#define REAL(name, low, high, preset_text, help_text)                                              \
    {                                                                                              \
#name, SCHEMA_DOUBLE, offsetof(struct glare_fields, name),                                 \
            .min = low, .max = high, .preset = preset_text, .help = help_text                      \
    }
static const struct schema_field fields[] = {
    LOSS_FIELDS,
    COUNT(hidden, "2048", "width of the head's hidden layers"),
    COUNT(bottleneck, "256", "width of the head's last but one layer"),
    COUNT(prototypes, "8192", "outputs of the head"),
    REAL(student_temperature, 0.001, 10, "0.1", "of the student's softmax"),
    REAL(teacher_temperature, 0.001, 10, "0.04", "of the teacher's softmax"),
    REAL(center_momentum, 0, 1, "0.9", "share of the old centre that is kept per step"),
    REAL(teacher_momentum, 0, 1, "0.996",
         "share of the old teacher that is kept per step, unless weights has a teacher"),
    REAL(global_weight, 0, 1e6, "1", "weight of the class tokens' loss"),
    REAL(local_weight, 0, 1e6, "1", "weight of the patch tokens' loss"),
    {"patches", SCHEMA_INT, offsetof(struct glare_fields, patches), .max = 4096, .preset = "16",
     .help = "patch tokens drawn per picture; 0: no local loss"},
};
#undef COUNT
#undef REAL

struct glare_level {
    int n_rows; /* rows of the level: VIEWS n, or VIEWS n patches */
    int number; /* loss */
    struct buffer *student_index, *teacher_index, *weight, *center, *mean;
};

struct glare {
    struct plug plug;
    int n, n_patches;     /* pictures; patches of a picture */
    int first_patch;      /* token that is the first patch */
    int student, teacher; /* encoders */
    int slot;             /* of the teacher */
    struct teacher_fields average;
    char teacher_name[PLUG_TEXT_MAX];
    int keep_center; /* live number */
    struct glare_level level[LEVELS];
    int32_t *token; /* (VIEWS n, 1 + patches) */
    float *weight;
};

static const struct glare_fields *fields_of(const struct glare *t) {
    return t->plug.fields;
}

static int n_levels(const struct glare *t) {
    return fields_of(t)->patches > 0 ? LEVELS : 1;
}

static int rows_per_picture(const struct glare *t) {
    return 1 + (int)fields_of(t)->patches;
}

static void destroy(struct plug *base) {
    struct glare *t = (struct glare *)base;
    for (int i = 0; i < LEVELS; i++) {
        const struct glare_level *v = &t->level[i];
        plug_buffers_destroy(
            (struct buffer *[]){v->student_index, v->teacher_index, v->weight, v->center, v->mean},
            5);
    }
    free(t->token);
    free(t->weight);
}

/* --- Parameters --- */

static enum status declare_layer(const struct plug *base, struct parameters *p, const char *name,
                                 int in, int out, bool bias, struct error *e) {
    enum status rc = STATUS_OK;
    const float bound = 1 / sqrtf((float)in); /* torch's default */
    struct parameter w = {.kind = PARAMETER_HEAD,
                          .tower = -1,
                          .layer = -1,
                          .is_trainable = true,
                          .start = PARAMETER_UNIFORM,
                          .amount = bound};
    snprintf(w.name, sizeof w.name, "%s.%s.weight", base->name, name);
    w.tensor = tensor_make(TENSOR_F32, 2, (int64_t[]){out, in});
    TRY(parameters_add(p, &w, e));
    if (!bias) return rc;
    snprintf(w.name, sizeof w.name, "%s.%s.bias", base->name, name);
    w.tensor = tensor_make(TENSOR_F32, 1, (int64_t[]){out});
    TRY(parameters_add(p, &w, e));
done:
    return rc;
}

static const char *teacher_name(const struct plug *base, char text[PLUG_TEXT_MAX]) {
    const bool is_alone = base->name == base->class->schema.name;
    return is_alone ? plug_teacher.schema.name : plug_named(base, ".teacher", text);
}

static enum status declare(struct plug *base, struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    struct glare *t = (struct glare *)base;
    struct parameters *p = &l->model->parameters;
    const struct glare_fields *f = base->fields;
    const int width = l->model->architecture.tower[TOWER_IMAGE].width;
    char name[PLUG_TEXT_MAX];
    t->n = base->host.n_samples[BATCH_ROLE_VIEW];
    t->level[GLOBAL].n_rows = VIEWS * t->n;
    t->level[LOCAL].n_rows = VIEWS * t->n * (int)f->patches;
    struct learner_encoder_request r = {
        .role = BATCH_ROLE_VIEW,
        .tower = TOWER_IMAGE,
        .result = ENCODER_TOKENS,
        .rows_per_sample = rows_per_picture(t),
        .n_views = VIEWS,
        .n_samples = t->n,
    };
    const struct architecture *a = &l->model->architecture;
    t->n_patches = architecture_patches(a);
    t->first_patch = architecture_first_patch(a);
    if (!a->has_class_token)
        TRY(fail(e, STATUS_BAD_ARG,
                 "losses: %s reads the class token, which architecture %s does not have; expected "
                 "one with a class token",
                 base->name, a->name));
    TRY(plug_needs(base, BATCH_ROLE_VIEW, e));
    if (f->patches > t->n_patches)
        TRY(fail(e, STATUS_BAD_ARG,
                 "losses: %s.patches is %lld; expected at most %d, the patches of a picture",
                 base->name, (long long)f->patches, t->n_patches));
    TRY(learner_loss(l, plug_named(base, "_global", name), &t->level[GLOBAL].number, e));
    if (f->patches > 0)
        TRY(learner_loss(l, plug_named(base, "_local", name), &t->level[LOCAL].number, e));
    TRY(live_numbers_add(&l->live, plug_named(base, ".center", name), 1, &t->keep_center, e));
    /* A teacher of its own, or the one of that name in the recipe's weights. */
    t->average = (struct teacher_fields){.plug.name = teacher_name(base, t->teacher_name),
                                         .momentum = f->teacher_momentum};
    TRY(plug_add(base, &plug_teacher, &t->average.plug, e));
    TRY(learner_slot(l, t->average.plug.name, &t->slot, e));
    r.name = "views for the teacher";
    r.slot = t->slot;
    TRY(learner_encoder(l, &r, &t->teacher, e));
    r.name = "blurred views for the student";
    r.slot = LEARNER_STUDENT;
    r.first_view = VIEWS;
    TRY(learner_encoder(l, &r, &t->student, e));
    TRY(declare_layer(base, p, "head.0", width, (int)f->hidden, true, e));
    TRY(declare_layer(base, p, "head.1", (int)f->hidden, (int)f->hidden, true, e));
    TRY(declare_layer(base, p, "head.2", (int)f->hidden, (int)f->bottleneck, true, e));
    TRY(declare_layer(base, p, "prototypes", (int)f->bottleneck, (int)f->prototypes, false, e));
done:
    return rc;
}

/* --- Graph --- */

static int head_layer(const struct glare *t, struct learner *l, struct tower_builder *weights,
                      const char *name, int x) {
    char weight[PLUG_TEXT_MAX], bias[PLUG_TEXT_MAX];
    snprintf(weight, sizeof weight, "%s.%s.weight", t->plug.name, name);
    snprintf(bias, sizeof bias, "%s.%s.bias", t->plug.name, name);
    return linear_plain_call(learner_graph(l, LEARNER_ROWS), x, tower_parameter(weights, weight),
                             tower_parameter(weights, bias));
}

/* Logits (rows, K) of all rows of an encoder. */
static int head(const struct glare *t, struct learner *l, struct tower_builder *weights, int rows) {
    struct graph *g = learner_graph(l, LEARNER_ROWS);
    int x = activation_call(g, head_layer(t, l, weights, "head.0", rows), ACTIVATION_GELU);
    x = activation_call(g, head_layer(t, l, weights, "head.1", x), ACTIVATION_GELU);
    x = normalize_call(g, head_layer(t, l, weights, "head.2", x));
    return head_layer(t, l, weights, "prototypes", x);
}

/* Which rows of the encoders meet: constant, uploaded once. Row of view v, picture i, token k:
 * (v n + i) (1 + patches) + k. */
static enum status fill_index(struct glare *t, struct learner *l, int level, struct error *e) {
    enum status rc = STATUS_OK;
    const struct glare_level *v = &t->level[level];
    const int per_picture = rows_per_picture(t), patches = (int)fields_of(t)->patches;
    int32_t *student = malloc((size_t)v->n_rows * sizeof *student);
    int32_t *teacher = malloc((size_t)v->n_rows * sizeof *teacher);
    if (!student || !teacher) {
        rc = fail(e, STATUS_NO_MEMORY, "glare: no memory for an index");
        goto done;
    }
    for (int r = 0; r < v->n_rows; r++) {
        if (level == GLOBAL) {
            student[r] = r * per_picture;
            teacher[r] = (r + t->n) % (VIEWS * t->n) * per_picture; /* the other view */
        } else {
            student[r] = teacher[r] = r / patches * per_picture + 1 + r % patches;
        }
    }
    TRY(l->backend->table->upload(v->student_index, 0, student, (int64_t)v->n_rows * 4, e));
    TRY(l->backend->table->upload(v->teacher_index, 0, teacher, (int64_t)v->n_rows * 4, e));
done:
    free(student);
    free(teacher);
    return rc;
}

static enum status build_level(struct glare *t, struct learner *l, int level, int student,
                               int teacher, struct error *e) {
    enum status rc = STATUS_OK;
    static const char *const state_names[] = {".center.global", ".center.local"};
    struct graph *g = learner_graph(l, LEARNER_ROWS);
    struct glare_level *v = &t->level[level];
    const struct glare_fields *f = t->plug.fields;
    const int64_t k = f->prototypes;
    const struct soft_target_loss_options options = {
        .student_temperature = (float)f->student_temperature,
        .teacher_temperature = (float)f->teacher_temperature,
        .factor = 1,
    };
    struct soft_target_loss_inputs in = {.logit_scale = GRAPH_NONE};
    int student_index, teacher_index;
    char name[PLUG_TEXT_MAX];
    TRY(plug_input(l, "student rows", TENSOR_I32, v->n_rows, 0, &v->student_index, &student_index,
                   e));
    TRY(plug_input(l, "teacher rows", TENSOR_I32, v->n_rows, 0, &v->teacher_index, &teacher_index,
                   e));
    TRY(plug_input(l, "row weights", TENSOR_F32, v->n_rows, 0, &v->weight, &in.weight, e));
    TRY(plug_input(l, "center", TENSOR_F32, k, 0, &v->center, &in.center, e));
    TRY(learner_state_add(l, plug_named(&t->plug, state_names[level], name), v->center, e));
    TRY(fill_index(t, l, level, e));
    in.student = gather_rows_call(g, student, student_index);
    in.teacher = gather_rows_call(g, teacher, teacher_index);
    TRY(learner_buffer(l, &v->mean, k * 4, e));
    graph_place(g, column_sum_call(g, in.teacher, in.weight), (struct place){.buffer = v->mean});
    TRY(learner_add_loss(l, v->number, soft_target_loss_call(g, in, options), e));
done:
    return rc;
}

static enum status build(struct plug *base, struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    struct glare *t = (struct glare *)base;
    const int longest = t->level[LOCAL].n_rows > t->level[GLOBAL].n_rows ? t->level[LOCAL].n_rows
                                                                         : t->level[GLOBAL].n_rows;
    t->token = malloc((size_t)(VIEWS * t->n * rows_per_picture(t)) * sizeof *t->token);
    t->weight = malloc((size_t)longest * sizeof *t->weight);
    if (!t->token || !t->weight) return fail(e, STATUS_NO_MEMORY, "glare: no memory for rows");
    const int student =
        head(t, l, learner_builder(l, LEARNER_STUDENT), learner_rows(l, t->student));
    const int teacher = head(t, l, learner_builder(l, t->slot), learner_rows(l, t->teacher));
    *live_numbers_of(&l->live, t->keep_center) = (float)fields_of(t)->center_momentum;
    for (int i = 0; i < n_levels(t); i++) TRY(build_level(t, l, i, student, teacher, e));
done:
    return rc;
}

/* center = center_momentum center + (1 - center_momentum) mean */
static enum status build_average(struct plug *base, struct learner *l, struct error *e) {
    struct glare *t = (struct glare *)base;
    struct graph *g = learner_graph(l, LEARNER_UPDATE);
    const struct tensor line = tensor_make(TENSOR_F32, 1, &fields_of(t)->prototypes);
    for (int i = 0; i < n_levels(t); i++) {
        const struct glare_level *v = &t->level[i];
        blend_update(g, graph_input(g, "center", line, (struct place){.buffer = v->center}),
                     graph_input(g, "mean", line, (struct place){.buffer = v->mean}),
                     live_numbers_input(&l->live, t->keep_center, g));
    }
    return graph_status(g, e);
}

/* --- Steps --- */

/* Draws the patches of every picture, different ones, and keeps the class token first. */
static void draw_tokens(struct glare *t, const struct batch_part *part, int64_t step) {
    const int per_picture = rows_per_picture(t);
    for (int row = 0; row < VIEWS * t->n; row++) {
        int32_t *token = t->token + (int64_t)row * per_picture;
        const uint64_t seed = t->plug.host.seed ^ part->sample_id[row % t->n];
        token[0] = 0;
        for (int k = 1; k < per_picture; k++)
            token[k] = t->first_patch +
                       (int32_t)random_permute(seed, RANDOM_METHOD,
                                               (uint64_t)step * VIEWS + (uint64_t)(row / t->n),
                                               (uint64_t)k - 1, (uint64_t)t->n_patches);
    }
}

static enum status before_step(struct plug *base, struct learner *l, const struct plug_moment *m,
                               struct error *e) {
    enum status rc = STATUS_OK;
    struct glare *t = (struct glare *)base;
    const struct batch_part *part = plug_part(m->batch, BATCH_ROLE_VIEW);
    const int64_t view = (int64_t)part->n * part->image_size * part->image_size * 3;
    const double share[LEVELS] = {fields_of(t)->global_weight, fields_of(t)->local_weight};
    int n_usable = 0;
    CHECK(part->n == t->n && part->n_views == 2 * VIEWS);
    draw_tokens(t, part, m->stage_step);
    TRY(encoder_set_pixels(l->encoder[t->teacher], part->pixels, t->token, e));
    TRY(encoder_set_pixels(l->encoder[t->student], part->pixels + VIEWS * view, t->token, e));
    for (int i = 0; i < t->n; i++) n_usable += part->usable[i];
    for (int level = 0; level < n_levels(t); level++) {
        const struct glare_level *v = &t->level[level];
        const int per_picture = v->n_rows / (VIEWS * t->n);
        for (int r = 0; r < v->n_rows; r++)
            t->weight[r] = part->usable[r / per_picture % t->n]
                               ? 1.0f / (float)(VIEWS * n_usable * per_picture)
                               : 0.0f;
        TRY(l->backend->table->upload(v->weight, 0, t->weight, (int64_t)v->n_rows * 4, e));
        loss_weigh(base, l, v->number, share[level], m->stage_step);
    }
done:
    return rc;
}

const struct plug_class plug_glare = {
    .schema = SCHEMA_HELPED("glare", struct glare_fields, fields,
                            "self-supervised consistency of views with a moving-average teacher"),
    .source = "GLARE, arXiv 2509.17816, from its abstract and an independent re-implementation",
    .bytes = sizeof(struct glare),
    .point = PLUG_LOSS,
    .declare = declare,
    .build = {[PLUG_ROWS] = build, [PLUG_AVERAGE] = build_average},
    .at = {[PLUG_BEFORE_STEP] = before_step},
    .destroy = destroy,
};
