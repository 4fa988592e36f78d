/* adamw: AdamW over the trainable block (models/ops/adamw.h has the formula). Matrices decay;
 * norms, biases and scales do not. Source: Loshchilov and Hutter 2019; torch.optim.AdamW. */
#include "models/ops/adamw.h"
#include "pipeline/continual/plug.h"
#include "shaders/params/adamw.h"

#include <math.h>
#include <stddef.h>

struct adamw_fields {
    struct plug_fields plug;
    double beta1, beta2, eps, wd;
    bool reset_on_stage;
};

static const struct schema_field fields[] = {
    {"beta1", SCHEMA_DOUBLE, offsetof(struct adamw_fields, beta1), .max = 0.999999, .preset = "0.9",
     .help = "share of the first moment that is kept per update"},
    {"beta2", SCHEMA_DOUBLE, offsetof(struct adamw_fields, beta2), .max = 0.999999,
     .preset = "0.98", .help = "share of the second moment that is kept per update"},
    {"eps", SCHEMA_DOUBLE, offsetof(struct adamw_fields, eps), .min = 1e-16, .max = 1,
     .preset = "1e-6", .help = "added to the root of the second moment"},
    {"wd", SCHEMA_DOUBLE, offsetof(struct adamw_fields, wd), .max = 10, .preset = "0.2",
     .help = "decoupled weight decay of matrices; norms, biases and scales have none"},
    {"reset_on_stage", SCHEMA_BOOL, offsetof(struct adamw_fields, reset_on_stage), .preset = "true",
     .help = "moments start at zero in every stage"},
};

struct adamw {
    struct plug plug;
    int numbers;                   /* live, as shaders/params/adamw.h */
    struct buffer *first, *second; /* moments of the trainable block */
    int64_t updates;               /* since the moments were zero */
};

static enum status declare(struct plug *base, struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    struct adamw *t = (struct adamw *)base;
    TRY(live_numbers_add(&l->live, base->name, ADAMW_NUMBERS, &t->numbers, e));
    TRY(learner_count_add(l, "updates", &t->updates, e));
done:
    return rc;
}

/* Over one half of the trainable block. */
static void update(struct adamw *t, struct learner *l, int64_t from, int64_t to, int decay) {
    struct graph *g = learner_graph(l, LEARNER_UPDATE);
    if (to <= from) return;
    const struct adamw_tensors in = {
        .gradient = learner_range(g, "gradient", l->gradient, from, to),
        .norm = learner_norm(l, g),
        .numbers = live_numbers_input(&l->live, t->numbers, g),
        .parameter = learner_range(g, "student", l->model->student, from, to),
        .first = learner_range(g, "first moment", t->first, from, to),
        .second = learner_range(g, "second moment", t->second, from, to),
    };
    adamw_update(g, in, (struct adamw_options){.decay = decay});
}

static enum status build(struct plug *base, struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    struct adamw *t = (struct adamw *)base;
    const struct parameters *p = &l->model->parameters;
    char name[PLUG_TEXT_MAX];
    TRY(learner_state(l, plug_named(base, ".first", name), p->trainable_bytes, &t->first, e));
    TRY(learner_state(l, plug_named(base, ".second", name), p->trainable_bytes, &t->second, e));
    update(t, l, 0, p->decayed_bytes, 1);
    update(t, l, p->decayed_bytes, p->trainable_bytes, 0);
    TRY(graph_status(learner_graph(l, LEARNER_UPDATE), e));
done:
    return rc;
}

static enum status start_stage(struct plug *base, struct learner *l, const struct plug_moment *m,
                               struct error *e) {
    enum status rc = STATUS_OK;
    struct adamw *t = (struct adamw *)base;
    const struct adamw_fields *f = base->fields;
    if (!f->reset_on_stage || m->stage == 0) return rc; /* zero they are at the start */
    TRY(learner_zero(l, t->first, e));
    TRY(learner_zero(l, t->second, e));
    t->updates = 0;
done:
    return rc;
}

static enum status before_step(struct plug *base, struct learner *l, const struct plug_moment *m,
                               struct error *e) {
    const struct adamw *t = (struct adamw *)base;
    const struct adamw_fields *f = base->fields;
    float *c = live_numbers_of(&l->live, t->numbers);
    const double n = (double)(t->updates + 1);
    (void)m;
    (void)e;
    c[ADAMW_RATE] = (float)l->rate;
    c[ADAMW_DECAY] = (float)f->wd;
    c[ADAMW_BETA1] = (float)f->beta1;
    c[ADAMW_BETA2] = (float)f->beta2;
    c[ADAMW_EPSILON] = (float)f->eps;
    c[ADAMW_CORRECTION1] = (float)(1 - pow(f->beta1, n));
    c[ADAMW_CORRECTION2] = (float)(1 - pow(f->beta2, n));
    return STATUS_OK;
}

static enum status after_update(struct plug *base, struct learner *l, const struct plug_moment *m,
                                struct error *e) {
    (void)l;
    (void)m;
    (void)e;
    ((struct adamw *)base)->updates++;
    return STATUS_OK;
}

static void destroy(struct plug *base) {
    struct adamw *t = (struct adamw *)base;
    plug_buffers_destroy((struct buffer *[]){t->first, t->second}, 2);
}

const struct plug_class plug_adamw = {
    .schema = SCHEMA_HELPED("adamw", struct adamw_fields, fields, "AdamW"),
    .point = PLUG_OPTIMIZER,
    .source = "Loshchilov and Hutter 2019, Decoupled Weight Decay Regularization",
    .bytes = sizeof(struct adamw),
    .declare = declare,
    .build = {[PLUG_UPDATE] = build},
    .at = {[PLUG_STAGE_START] = start_stage,
           [PLUG_BEFORE_STEP] = before_step,
           [PLUG_AFTER_UPDATE] = after_update},
    .destroy = destroy,
};
