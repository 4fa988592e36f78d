/* l2: every trained weight is pulled toward where it was, or toward zero.
 *   penalty = weight sum over weights of (w - anchor)^2; its gradient is 2 weight (w - anchor)
 * The sum is over all trainable parameters, with no mean. It is added to the gradient before the
 * norm, so clipping and the moments of the optimiser see it; the loss in the logs is without it.
 * Sources: Smith et al. 2023, A Closer Look at Rehearsal-Free Continual Learning; the weight
 * consolidation of Zheng et al. 2023 (ZSCL), which has the anchor at the start of the stage. */
#include "models/ops/pull.h"
#include "pipeline/continual/plug.h"

#include <stddef.h>

enum { PREVIOUS, START, ZERO };
static const char *const anchors[] = {"previous", "start", "zero", NULL};

struct l2_fields {
    struct plug_fields plug;
    double weight;
    int anchor;
};

static const struct schema_field fields[] = {
    PLUG_NAME,
    {"weight", SCHEMA_DOUBLE, offsetof(struct l2_fields, weight), .max = 1e6, .preset = "1",
     .help = "factor of the sum of squares"},
    {"anchor", SCHEMA_CHOICE, offsetof(struct l2_fields, anchor), .choices = anchors,
     .preset = "\"previous\"",
     .help = "where weights are pulled: as they were when the stage began, when the run began, or "
             "zero"},
};

struct l2 {
    struct plug plug;
    int slot;   /* of the anchor; unused with ZERO */
    int factor; /* live number */
};

static int anchor_of(const struct plug *base) {
    return ((const struct l2_fields *)base->fields)->anchor;
}

static enum status declare(struct plug *base, struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    struct l2 *t = (struct l2 *)base;
    if (anchor_of(base) != ZERO) TRY(learner_slot(l, base->name, &t->slot, e));
    TRY(live_numbers_add(&l->live, base->name, 1, &t->factor, e));
    *live_numbers_of(&l->live, t->factor) =
        (float)(2 * ((const struct l2_fields *)base->fields)->weight);
done:
    return rc;
}

static enum status build(struct plug *base, struct learner *l, struct error *e) {
    const struct l2 *t = (struct l2 *)base;
    struct graph *g = learner_graph(l, LEARNER_TRANSFORM);
    const int64_t end = l->model->parameters.trainable_bytes;
    if (end == 0) return STATUS_OK;
    const int anchor = anchor_of(base) == ZERO
                           ? GRAPH_NONE
                           : learner_range(g, base->name, learner_weights(l, t->slot), 0, end);
    pull_update(g, learner_range(g, "gradient", l->gradient, 0, end),
                learner_range(g, "student", l->model->student, 0, end),
                live_numbers_input(&l->live, t->factor, g), anchor);
    return graph_status(g, e);
}

static enum status start_run(struct plug *base, struct learner *l, const struct plug_moment *m,
                             struct error *e) {
    (void)m;
    if (anchor_of(base) == ZERO) return STATUS_OK;
    return learner_copy(l, ((const struct l2 *)base)->slot, LEARNER_STUDENT, e);
}

static enum status start_stage(struct plug *base, struct learner *l, const struct plug_moment *m,
                               struct error *e) {
    return anchor_of(base) == PREVIOUS ? start_run(base, l, m, e) : STATUS_OK;
}

const struct plug_class plug_l2 = {
    .schema = SCHEMA_HELPED("l2", struct l2_fields, fields,
                            "pulls weights toward where they were, or toward zero"),
    .point = PLUG_PENALTY,
    .source = "Smith et al. 2023, A Closer Look at Rehearsal-Free Continual Learning",
    .bytes = sizeof(struct l2),
    .declare = declare,
    .build = {[PLUG_PENALIZE] = build},
    .at = {[PLUG_RUN_START] = start_run, [PLUG_STAGE_START] = start_stage},
};
