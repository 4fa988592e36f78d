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
#include "pipeline/continual/loss_term.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VIEWS = 2, LEVELS = 2, GLOBAL = 0, LOCAL = 1 };

struct glare_level {
    int n_rows; /* rows of the level: VIEWS n, or VIEWS n patches */
    int number; /* loss */
    struct buffer *student_index, *teacher_index, *weight, *center, *mean;
};

struct glare_term {
    struct loss_term base;
    int n, n_patches;     /* pictures; patches of a picture */
    int first_patch;      /* token that is the first patch */
    int student, teacher; /* encoders */
    int keep_center;      /* live number */
    struct glare_level level[LEVELS];
    int32_t *token; /* (VIEWS n, 1 + patches) */
    float *weight;
};

static int rows_per_picture(const struct glare_term *t) {
    return 1 + (int)t->base.config.patches;
}

static enum status create(struct loss_term **out, const struct loss_config *c,
                          const struct loss_preparation *p, struct error *e) {
    struct glare_term *t = calloc(1, sizeof *t);
    *out = t ? &t->base : NULL;
    if (!t) return fail(e, STATUS_NO_MEMORY, "glare: no memory");
    t->n = p->n_samples[BATCH_ROLE_VIEW];
    t->level[GLOBAL].n_rows = VIEWS * t->n;
    t->level[LOCAL].n_rows = VIEWS * t->n * (int)c->patches;
    return STATUS_OK;
}

static void destroy(struct loss_term *base) {
    struct glare_term *t = (struct glare_term *)base;
    for (int i = 0; i < LEVELS; i++) {
        const struct glare_level *v = &t->level[i];
        loss_buffers_destroy(
            (struct buffer *[]){v->student_index, v->teacher_index, v->weight, v->center, v->mean},
            5);
    }
    free(t->token);
    free(t->weight);
    free(t);
}

/* --- Parameters --- */

static enum status declare_layer(struct parameters *p, const char *name, int in, int out, bool bias,
                                 struct error *e) {
    enum status rc = STATUS_OK;
    const float bound = 1 / sqrtf((float)in); /* torch's default */
    struct parameter w = {.kind = PARAMETER_HEAD,
                          .tower = -1,
                          .layer = -1,
                          .is_trainable = true,
                          .start = PARAMETER_UNIFORM,
                          .amount = bound};
    snprintf(w.name, sizeof w.name, "glare.%s.weight", name);
    w.tensor = tensor_make(TENSOR_F32, 2, (int64_t[]){out, in});
    TRY(parameters_add(p, &w, e));
    if (!bias) return rc;
    snprintf(w.name, sizeof w.name, "glare.%s.bias", name);
    w.tensor = tensor_make(TENSOR_F32, 1, (int64_t[]){out});
    TRY(parameters_add(p, &w, e));
done:
    return rc;
}

static enum status declare(struct loss_term *base, struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    struct glare_term *t = (struct glare_term *)base;
    struct parameters *p = &l->model->parameters;
    const struct loss_config *c = &base->config;
    const int width = l->model->architecture.tower[TOWER_IMAGE].width;
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
        TRY(fail(
            e, STATUS_BAD_ARG,
            "losses: glare reads the class token, which architecture %s does not have; expected "
            "one with a class token",
            a->name));
    TRY(loss_needs(base, BATCH_ROLE_VIEW, e));
    if (c->patches > t->n_patches)
        TRY(fail(e, STATUS_BAD_ARG,
                 "losses: glare.patches is %lld; expected at most %d, the patches of a picture",
                 (long long)c->patches, t->n_patches));
    TRY(learner_loss(l, "glare_global", &t->level[GLOBAL].number, e));
    if (c->patches > 0) TRY(learner_loss(l, "glare_local", &t->level[LOCAL].number, e));
    TRY(live_numbers_add(&l->live, "glare.center", 1, &t->keep_center, e));
    learner_want_teacher(l);
    r.name = "views for the teacher";
    r.weights = LEARNER_TEACHER;
    TRY(learner_encoder(l, &r, &t->teacher, e));
    r.name = "blurred views for the student";
    r.weights = LEARNER_STUDENT;
    r.first_view = VIEWS;
    TRY(learner_encoder(l, &r, &t->student, e));
    TRY(declare_layer(p, "head.0", width, (int)c->hidden, true, e));
    TRY(declare_layer(p, "head.1", (int)c->hidden, (int)c->hidden, true, e));
    TRY(declare_layer(p, "head.2", (int)c->hidden, (int)c->bottleneck, true, e));
    TRY(declare_layer(p, "prototypes", (int)c->bottleneck, (int)c->prototypes, false, e));
done:
    return rc;
}

/* --- Graph --- */

static int head_layer(struct learner *l, struct tower_builder *weights, const char *name, int x) {
    char weight[64], bias[64];
    snprintf(weight, sizeof weight, "glare.%s.weight", name);
    snprintf(bias, sizeof bias, "glare.%s.bias", name);
    return linear_plain_call(&l->loss_graph, x, tower_parameter(weights, weight),
                             tower_parameter(weights, bias));
}

/* Logits (rows, K) of all rows of an encoder. */
static int head(struct learner *l, struct tower_builder *weights, int rows) {
    struct graph *g = &l->loss_graph;
    int x = activation_call(g, head_layer(l, weights, "head.0", rows), ACTIVATION_GELU);
    x = activation_call(g, head_layer(l, weights, "head.1", x), ACTIVATION_GELU);
    x = normalize_call(g, head_layer(l, weights, "head.2", x));
    return head_layer(l, weights, "prototypes", x);
}

/* Which rows of the encoders meet: constant, uploaded once. Row of view v, picture i, token k:
 * (v n + i) (1 + patches) + k. */
static enum status fill_index(struct glare_term *t, struct learner *l, int level, struct error *e) {
    enum status rc = STATUS_OK;
    const struct glare_level *v = &t->level[level];
    const int per_picture = rows_per_picture(t), patches = (int)t->base.config.patches;
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

static enum status build_level(struct glare_term *t, struct learner *l, int level, int student,
                               int teacher, struct error *e) {
    enum status rc = STATUS_OK;
    static const char *const state_names[] = {"glare.center.global", "glare.center.local"};
    struct graph *g = &l->loss_graph;
    struct glare_level *v = &t->level[level];
    const struct loss_config *c = &t->base.config;
    const int64_t k = c->prototypes;
    const struct tensor line = tensor_make(TENSOR_F32, 1, (int64_t[]){k});
    const struct soft_target_loss_options options = {
        .student_temperature = (float)c->student_temperature,
        .teacher_temperature = (float)c->teacher_temperature,
        .factor = 1,
    };
    struct soft_target_loss_inputs in = {.logit_scale = GRAPH_NONE};
    int student_index, teacher_index;
    TRY(loss_input(l, "student rows", TENSOR_I32, v->n_rows, 0, &v->student_index, &student_index,
                   e));
    TRY(loss_input(l, "teacher rows", TENSOR_I32, v->n_rows, 0, &v->teacher_index, &teacher_index,
                   e));
    TRY(loss_input(l, "row weights", TENSOR_F32, v->n_rows, 0, &v->weight, &in.weight, e));
    TRY(loss_input(l, "center", TENSOR_F32, k, 0, &v->center, &in.center, e));
    TRY(learner_state_add(l, state_names[level], v->center, e));
    TRY(fill_index(t, l, level, e));
    in.student = gather_rows_call(g, student, student_index);
    in.teacher = gather_rows_call(g, teacher, teacher_index);
    TRY(learner_buffer(l, &v->mean, k * 4, e));
    graph_place(g, column_sum_call(g, in.teacher, in.weight), (struct place){.buffer = v->mean});
    TRY(learner_add_loss(l, v->number, soft_target_loss_call(g, in, options), e));
    blend_update(&l->update_graph,
                 graph_input(&l->update_graph, "center", line, (struct place){.buffer = v->center}),
                 graph_input(&l->update_graph, "mean", line, (struct place){.buffer = v->mean}),
                 live_numbers_input(&l->live, t->keep_center, &l->update_graph));
    rc = graph_status(&l->update_graph, e);
done:
    return rc;
}

static enum status build(struct loss_term *base, struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    struct glare_term *t = (struct glare_term *)base;
    const int longest = t->level[LOCAL].n_rows > t->level[GLOBAL].n_rows ? t->level[LOCAL].n_rows
                                                                         : t->level[GLOBAL].n_rows;
    t->token = malloc((size_t)(VIEWS * t->n * rows_per_picture(t)) * sizeof *t->token);
    t->weight = malloc((size_t)longest * sizeof *t->weight);
    if (!t->token || !t->weight) return fail(e, STATUS_NO_MEMORY, "glare: no memory for rows");
    const int student = head(l, &l->student, learner_rows(l, t->student));
    const int teacher = head(l, &l->averaged, learner_rows(l, t->teacher));
    *live_numbers_of(&l->live, l->keep_teacher) = (float)base->config.teacher_momentum;
    *live_numbers_of(&l->live, t->keep_center) = (float)base->config.center_momentum;
    TRY(build_level(t, l, GLOBAL, student, teacher, e));
    if (base->config.patches > 0) TRY(build_level(t, l, LOCAL, student, teacher, e));
done:
    return rc;
}

/* --- Steps --- */

/* Draws the patches of every picture, different ones, and keeps the class token first. */
static void draw_tokens(struct glare_term *t, const struct batch_part *part, int64_t step) {
    const int per_picture = rows_per_picture(t);
    for (int row = 0; row < VIEWS * t->n; row++) {
        int32_t *token = t->token + (int64_t)row * per_picture;
        const uint64_t seed = t->base.preparation.seed ^ part->sample_id[row % t->n];
        token[0] = 0;
        for (int k = 1; k < per_picture; k++)
            token[k] = t->first_patch +
                       (int32_t)random_permute(seed, RANDOM_METHOD,
                                               (uint64_t)step * VIEWS + (uint64_t)(row / t->n),
                                               (uint64_t)k - 1, (uint64_t)t->n_patches);
    }
}

static enum status begin_step(struct loss_term *base, struct learner *l, const struct batch *batch,
                              struct error *e) {
    enum status rc = STATUS_OK;
    struct glare_term *t = (struct glare_term *)base;
    const struct batch_part *part = loss_part(batch, BATCH_ROLE_VIEW);
    const int64_t view = (int64_t)part->n * part->image_size * part->image_size * 3;
    const double share[LEVELS] = {base->config.global_weight, base->config.local_weight};
    int n_usable = 0;
    CHECK(part->n == t->n && part->n_views == 2 * VIEWS);
    draw_tokens(t, part, batch->step);
    TRY(encoder_set_pixels(l->encoder[t->teacher], part->pixels, t->token, e));
    TRY(encoder_set_pixels(l->encoder[t->student], part->pixels + VIEWS * view, t->token, e));
    for (int i = 0; i < t->n; i++) n_usable += part->usable[i];
    for (int level = 0; level < (base->config.patches > 0 ? LEVELS : 1); level++) {
        const struct glare_level *v = &t->level[level];
        const int per_picture = v->n_rows / (VIEWS * t->n);
        for (int r = 0; r < v->n_rows; r++)
            t->weight[r] = part->usable[r / per_picture % t->n]
                               ? 1.0f / (float)(VIEWS * n_usable * per_picture)
                               : 0.0f;
        TRY(l->backend->table->upload(v->weight, 0, t->weight, (int64_t)v->n_rows * 4, e));
        loss_set_weight(base, l, v->number, share[level], batch->step);
    }
done:
    return rc;
}

const struct loss_term_class loss_class_glare = {
    .name = "glare",
    .create = create,
    .declare = declare,
    .build = build,
    .begin_step = begin_step,
    .destroy = destroy,
};
