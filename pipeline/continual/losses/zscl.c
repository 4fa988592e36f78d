/* zscl: distillation of the frozen base model over a reference set.
 *
 *   Zt = s ubar vbar',  Zs = s u v';  s = exp(logit_scale) of the base model
 *   image term T^2 mean over images of KL(softmax_rows(Zt / T) || softmax_rows(Zs / T))
 *   text term  T^2 mean over texts of KL(softmax_columns(Zt / T) || softmax_columns(Zs / T))
 * The published loss is the cross-entropy. It is larger by the teacher's entropy, which no weight
 * changes, so the gradient is the same; the divergence is 0 at the start and shows the drift.
 * ubar and vbar are the base model's features, made once before the run. v = vbar, a fixed set of
 * texts, as in the published code; with student_texts v are the student's features of the texts of
 * the step, so that the text tower is held too.
 * Source: Zheng et al. 2023 (ZSCL), mtil/src/models/finetune.py. */
#include "models/ops/linear.h"
#include "models/ops/soft_target_loss.h"
#include "pipeline/continual/losses/loss.h"

#include <stdlib.h>
#include <string.h>

struct zscl_fields {
    struct loss_fields loss;
    double temperature;
    int64_t reference_texts; /* captions that span the teacher's classes, without student_texts */
    bool student_texts;      /* texts of the step through the student: holds the text tower too */
};

static const struct schema_field fields[] = {
    LOSS_FIELDS,
    {"temperature", SCHEMA_DOUBLE, offsetof(struct zscl_fields, temperature), .min = 0.01,
     .max = 100, .preset = "2", .help = "of both softmaxes; the loss is scaled by its square"},
    {"reference_texts", SCHEMA_INT, offsetof(struct zscl_fields, reference_texts), .min = 2,
     .max = 1 << 20, .preset = "1000", .help = "fixed texts that span the teacher's classes"},
    {"student_texts", SCHEMA_BOOL, offsetof(struct zscl_fields, student_texts), .preset = "false",
     .help = "the step's reference texts go through the student, which holds the text tower too"},
};

struct zscl {
    struct plug plug;
    int image, text; /* encoders */
    int image_number, text_number;
    int n_images, n_texts, width;
    const struct plug_reference *images, *texts;
    struct buffer *teacher_images, *teacher_texts, *row_weight, *scale;
    float *rows; /* teacher rows of a step, on their way to the device */
    float *weight;
};

static void destroy(struct plug *base) {
    struct zscl *t = (struct zscl *)base;
    plug_buffers_destroy(
        (struct buffer *[]){t->teacher_images, t->teacher_texts, t->row_weight, t->scale}, 4);
    free(t->rows);
    free(t->weight);
}

static enum status declare(struct plug *base, struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    struct zscl *t = (struct zscl *)base;
    const struct zscl_fields *f = base->fields;
    char name[PLUG_TEXT_MAX];
    t->n_images = base->host.n_samples[BATCH_ROLE_REF_IMAGE];
    t->n_texts =
        f->student_texts ? base->host.n_samples[BATCH_ROLE_REF_TEXT] : (int)f->reference_texts;
    struct learner_encoder_request r = {
        .name = "reference images",
        .role = BATCH_ROLE_REF_IMAGE,
        .tower = TOWER_IMAGE,
        .n_views = 1,
        .n_samples = t->n_images,
    };
    TRY(plug_needs(base, BATCH_ROLE_REF_IMAGE, e));
    TRY(plug_needs(base, BATCH_ROLE_REF_TEXT, e));
    TRY(learner_encoder(l, &r, &t->image, e));
    TRY(learner_loss(l, plug_named(base, "_kl_image", name), &t->image_number, e));
    TRY(learner_loss(l, plug_named(base, "_kl_text", name), &t->text_number, e));
    if (!f->student_texts) return rc;
    r.name = "reference texts";
    r.role = BATCH_ROLE_REF_TEXT;
    r.tower = TOWER_TEXT;
    r.n_samples = t->n_texts;
    TRY(learner_encoder(l, &r, &t->text, e));
done:
    return rc;
}

static enum status prepare(struct plug *base, struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    struct zscl *t = (struct zscl *)base;
    const struct zscl_fields *f = base->fields;
    const struct plug_host *p = &base->host;
    const bool fixed_texts = !f->student_texts;
    const int64_t limit = fixed_texts ? t->n_texts : 0;
    (void)l;
    TRY(p->reference(p->context, BATCH_ROLE_REF_IMAGE, TOWER_IMAGE, 0, &t->images, e));
    TRY(p->reference(p->context, BATCH_ROLE_REF_TEXT, TOWER_TEXT, limit, &t->texts, e));
    t->width = t->images->width;
    /* A source with fewer texts than asked for spans fewer classes. */
    if (fixed_texts && t->texts->n < t->n_texts) t->n_texts = (int)t->texts->n;
    const size_t rows = (size_t)(t->n_images > t->n_texts ? t->n_images : t->n_texts);
    t->rows = malloc(rows * (size_t)t->width * sizeof *t->rows);
    t->weight = malloc((size_t)t->n_images * sizeof *t->weight);
    if (!t->rows || !t->weight) rc = fail(e, STATUS_NO_MEMORY, "%s: no memory", base->name);
done:
    return rc;
}

/* Inputs of the loss graph that do not change: the base model's scale and, without student_texts,
 * the teacher's texts. */
static enum status fill_constants(struct zscl *t, struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    const struct backend_table *table = l->backend->table;
    const struct zscl_fields *f = t->plug.fields;
    const int parameter = parameters_find(&l->model->parameters, "logit_scale");
    float scale;
    TRY(model_read(l->model, parameter, l->model->student, &scale, e));
    TRY(table->upload(t->scale, 0, &scale, 4, e));
    if (!f->student_texts)
        TRY(table->upload(t->teacher_texts, 0, t->texts->features,
                          (int64_t)t->n_texts * t->width * 4, e));
done:
    return rc;
}

static enum status build(struct plug *base, struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    struct zscl *t = (struct zscl *)base;
    struct graph *g = learner_graph(l, LEARNER_ROWS);
    const struct zscl_fields *f = base->fields;
    const double temperature = f->temperature;
    struct soft_target_loss_options options = {
        .student_temperature = (float)temperature,
        .teacher_temperature = (float)temperature,
        .factor = (float)(temperature * temperature),
        .divergence = 1,
    };
    struct soft_target_loss_inputs in = {.center = GRAPH_NONE};
    int teacher_images, teacher_texts;
    TRY(plug_input(l, "teacher images", TENSOR_F32, t->n_images, t->width, &t->teacher_images,
                   &teacher_images, e));
    TRY(plug_input(l, "teacher texts", TENSOR_F32, t->n_texts, t->width, &t->teacher_texts,
                   &teacher_texts, e));
    TRY(plug_input(l, "reference weights", TENSOR_F32, t->n_images, 0, &t->row_weight, &in.weight,
                   e));
    TRY(learner_buffer(l, &t->scale, 4, e));
    TRY(fill_constants(t, l, e));
    in.logit_scale = graph_input(g, "base logit_scale", tensor_make(TENSOR_F32, 0, NULL),
                                 (struct place){.buffer = t->scale});
    const int student_texts = f->student_texts ? learner_rows(l, t->text) : teacher_texts;
    in.teacher = linear_plain_call(g, teacher_images, teacher_texts, GRAPH_NONE);
    in.student = linear_plain_call(g, learner_rows(l, t->image), student_texts, GRAPH_NONE);
    TRY(learner_add_loss(l, t->image_number, soft_target_loss_call(g, in, options), e));
    options.columns = 1;
    TRY(learner_add_loss(l, t->text_number, soft_target_loss_call(g, in, options), e));
done:
    return rc;
}

static int by_id(const void *key, const void *element) {
    const uint64_t a = *(const uint64_t *)key, b = *(const uint64_t *)element;
    return a < b ? -1 : a > b;
}

/* Copies the teacher's rows of the part's samples; zeros for holes. */
static enum status look_up(const struct zscl *t, const struct plug_reference *r,
                           const struct batch_part *part, struct error *e) {
    for (int i = 0; i < part->n; i++) {
        float *row = t->rows + (int64_t)i * t->width;
        memset(row, 0, (size_t)t->width * sizeof *row);
        if (!part->usable[i]) continue;
        const uint64_t *found =
            bsearch(&part->sample_id[i], r->sample_id, (size_t)r->n, sizeof *r->sample_id, by_id);
        if (!found)
            return fail(e, STATUS_MISMATCH,
                        "%s: sample %016llx of role %s has no teacher features; expected all "
                        "reference samples to be there; were the shards changed during the run?",
                        t->plug.name, (unsigned long long)part->sample_id[i],
                        batch_role_name(part->role));
        memcpy(row, r->features + (found - r->sample_id) * t->width,
               (size_t)t->width * sizeof *row);
    }
    return STATUS_OK;
}

static enum status before_step(struct plug *base, struct learner *l, const struct plug_moment *m,
                               struct error *e) {
    enum status rc = STATUS_OK;
    struct zscl *t = (struct zscl *)base;
    const struct backend_table *table = l->backend->table;
    const struct zscl_fields *f = base->fields;
    const struct batch_part *part = plug_part(m->batch, BATCH_ROLE_REF_IMAGE);
    int n_usable = 0;
    for (int i = 0; i < part->n; i++) n_usable += part->usable[i];
    for (int i = 0; i < part->n; i++)
        t->weight[i] = part->usable[i] ? 1.0f / (float)n_usable : 0.0f;
    TRY(table->upload(t->row_weight, 0, t->weight, (int64_t)part->n * 4, e));
    TRY(look_up(t, t->images, part, e));
    TRY(table->upload(t->teacher_images, 0, t->rows, (int64_t)t->n_images * t->width * 4, e));
    if (f->student_texts) {
        TRY(look_up(t, t->texts, plug_part(m->batch, BATCH_ROLE_REF_TEXT), e));
        TRY(table->upload(t->teacher_texts, 0, t->rows, (int64_t)t->n_texts * t->width * 4, e));
    }
    loss_weigh(base, l, t->image_number, 1, m->stage_step);
    loss_weigh(base, l, t->text_number, 1, m->stage_step);
done:
    return rc;
}

const struct plug_class plug_zscl = {
    .schema = SCHEMA_HELPED("zscl", struct zscl_fields, fields,
                            "distillation of the frozen base model over a reference set"),
    .source = "Zheng et al. 2023 (ZSCL), mtil/src/models/finetune.py",
    .bytes = sizeof(struct zscl),
    .point = PLUG_LOSS,
    .declare = declare,
    .prepare = prepare,
    .build = {[PLUG_ROWS] = build},
    .at = {[PLUG_BEFORE_STEP] = before_step},
    .destroy = destroy,
};
