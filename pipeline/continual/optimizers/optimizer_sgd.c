/* sgd: gradient descent with momentum over the trainable block (models/ops/sgd.h has the formula).
 * Weight decay is part of the gradient; matrices decay, norms, biases and scales do not.
 * Source: Sutskever et al. 2013; torch.optim.SGD. */
#include "models/ops/sgd.h"
#include "pipeline/continual/plug.h"
#include "shaders/params/sgd.h"

#include <stddef.h>

struct sgd_fields {
    struct plug_fields plug;
    double momentum, wd;
    bool nesterov, reset_on_stage;
};

static const struct schema_field fields[] = {
    {"momentum", SCHEMA_DOUBLE, offsetof(struct sgd_fields, momentum), .max = 0.999999,
     .preset = "0.9", .help = "share of the velocity that is kept per update"},
    {"nesterov", SCHEMA_BOOL, offsetof(struct sgd_fields, nesterov), .preset = "false",
     .help = "the step looks ahead by the momentum"},
    {"wd", SCHEMA_DOUBLE, offsetof(struct sgd_fields, wd), .max = 10, .preset = "0",
     .help = "weight decay of matrices, added to the gradient; norms, biases and scales have none"},
    {"reset_on_stage", SCHEMA_BOOL, offsetof(struct sgd_fields, reset_on_stage), .preset = "true",
     .help = "the velocity starts at zero in every stage"},
};

struct sgd {
    struct plug plug;
    int numbers; /* live, as shaders/params/sgd.h */
    struct buffer *velocity;
};

static enum status declare(struct plug *base, struct learner *l, struct error *e) {
    struct sgd *t = (struct sgd *)base;
    return live_numbers_add(&l->live, base->name, SGD_NUMBERS, &t->numbers, e);
}

/* Over one half of the trainable block. */
static void update(const struct sgd *t, struct learner *l, int64_t from, int64_t to, int decay) {
    struct graph *g = learner_graph(l, LEARNER_UPDATE);
    const struct sgd_fields *f = t->plug.fields;
    if (to <= from) return;
    const struct sgd_tensors in = {
        .gradient = learner_range(g, "gradient", l->gradient, from, to),
        .norm = learner_norm(l, g),
        .numbers = live_numbers_input(&l->live, t->numbers, g),
        .parameter = learner_range(g, "student", l->model->student, from, to),
        .velocity = learner_range(g, "velocity", t->velocity, from, to),
    };
    sgd_update(g, in, (struct sgd_options){.decay = decay, .nesterov = f->nesterov});
}

static enum status build(struct plug *base, struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    struct sgd *t = (struct sgd *)base;
    const struct parameters *p = &l->model->parameters;
    char name[PLUG_TEXT_MAX];
    TRY(learner_state(l, plug_named(base, ".velocity", name), p->trainable_bytes, &t->velocity, e));
    update(t, l, 0, p->decayed_bytes, 1);
    update(t, l, p->decayed_bytes, p->trainable_bytes, 0);
    TRY(graph_status(learner_graph(l, LEARNER_UPDATE), e));
done:
    return rc;
}

static enum status start_stage(struct plug *base, struct learner *l, const struct plug_moment *m,
                               struct error *e) {
    const struct sgd_fields *f = base->fields;
    if (!f->reset_on_stage || m->stage == 0) return STATUS_OK; /* zero it is at the start */
    return learner_zero(l, ((struct sgd *)base)->velocity, e);
}

static enum status before_step(struct plug *base, struct learner *l, const struct plug_moment *m,
                               struct error *e) {
    const struct sgd_fields *f = base->fields;
    float *c = live_numbers_of(&l->live, ((const struct sgd *)base)->numbers);
    (void)m;
    (void)e;
    c[SGD_RATE] = (float)l->rate;
    c[SGD_DECAY] = (float)f->wd;
    c[SGD_MOMENTUM] = (float)f->momentum;
    return STATUS_OK;
}

static void destroy(struct plug *base) {
    plug_buffers_destroy(&((struct sgd *)base)->velocity, 1);
}

const struct plug_class plug_sgd = {
    .schema = SCHEMA_HELPED("sgd", struct sgd_fields, fields, "gradient descent with momentum"),
    .point = PLUG_OPTIMIZER,
    .source = "Sutskever et al. 2013, On the importance of initialization and momentum",
    .bytes = sizeof(struct sgd),
    .declare = declare,
    .build = {[PLUG_UPDATE] = build},
    .at = {[PLUG_STAGE_START] = start_stage, [PLUG_BEFORE_STEP] = before_step},
    .destroy = destroy,
};
