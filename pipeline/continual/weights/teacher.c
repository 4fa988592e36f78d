/* teacher: a moving average of the trainable weights in a slot of its own.
 *   slot = momentum slot + (1 - momentum) student, after each update; it starts as the student.
 * A loss that needs one adds it; in a recipe's list its momentum is chosen there instead.
 * Source: Tarvainen and Valpola 2017, mean teacher. */
#include "pipeline/continual/weights/teacher.h"

#include "models/ops/blend.h"

#include <stddef.h>

static const struct schema_field fields[] = {
    PLUG_NAME,
    {"momentum", SCHEMA_DOUBLE, offsetof(struct teacher_fields, momentum), .max = 1,
     .preset = "0.996", .help = "share of the old average that is kept per update"},
};

struct teacher {
    struct plug plug;
    int slot;
    int keep; /* live number */
};

static enum status declare(struct plug *base, struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    struct teacher *t = (struct teacher *)base;
    const struct teacher_fields *f = base->fields;
    TRY(learner_slot(l, base->name, &t->slot, e));
    TRY(live_numbers_add(&l->live, base->name, 1, &t->keep, e));
    *live_numbers_of(&l->live, t->keep) = (float)f->momentum;
done:
    return rc;
}

static enum status build(struct plug *base, struct learner *l, struct error *e) {
    const struct teacher *t = (struct teacher *)base;
    struct graph *g = learner_graph(l, LEARNER_UPDATE);
    const int64_t end = l->model->parameters.trainable_bytes;
    if (end > 0)
        blend_update(g, learner_range(g, base->name, learner_weights(l, t->slot), 0, end),
                     learner_range(g, "student", l->model->student, 0, end),
                     live_numbers_input(&l->live, t->keep, g));
    return graph_status(g, e);
}

static enum status start_run(struct plug *base, struct learner *l, const struct plug_moment *m,
                             struct error *e) {
    const struct teacher *t = (struct teacher *)base;
    (void)m;
    return learner_copy(l, t->slot, LEARNER_STUDENT, e);
}

const struct plug_class plug_teacher = {
    .schema = SCHEMA_HELPED("teacher", struct teacher_fields, fields,
                            "moving average of the weights, for losses that learn from it"),
    .point = PLUG_WEIGHTS,
    .source = "Tarvainen and Valpola 2017, Mean teachers are better role models",
    .bytes = sizeof(struct teacher),
    .declare = declare,
    .build = {[PLUG_AVERAGE] = build},
    .at = {[PLUG_RUN_START] = start_run},
};
