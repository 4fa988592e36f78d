/* clip: the contrastive loss over the update pairs (models/ops/contrastive_loss.h has the formula).
 * Source: Radford et al. 2021. */
#include "models/ops/contrastive_loss.h"
#include "pipeline/continual/losses/pair_loss.h"

#include <math.h>

static enum status build(struct plug *base, struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    struct pair_loss *t = (struct pair_loss *)base;
    struct pair_inputs in;
    TRY(pair_loss_inputs(t, l, &in, e));
    const int loss =
        contrastive_loss_call(learner_graph(l, LEARNER_ROWS),
                              (struct contrastive_loss_inputs){.u = in.u,
                                                               .v = in.v,
                                                               .logit_scale = in.logit_scale,
                                                               .caption_id = in.caption_id,
                                                               .usable = in.usable});
    TRY(learner_add_loss(l, t->number, loss, e));
done:
    return rc;
}

/* Equal logits give each of the pairs that compete the same share, whoever the targets are. */
static enum status before_step(struct plug *base, struct learner *l, const struct plug_moment *m,
                               struct error *e) {
    const struct pair_loss *t = (struct pair_loss *)base;
    const enum status rc = pair_loss_before_step(base, l, m, e);
    learner_chance(l, t->number, t->n_usable > 0 ? log(t->n_usable) : 0);
    return rc;
}

static const struct schema_field fields[] = {PAIR_LOSS_FIELDS};

const struct plug_class plug_clip = {
    .schema = SCHEMA_HELPED("clip", struct pair_loss_fields, fields,
                            "symmetric contrastive loss over the update pairs"),
    .source = "Radford et al. 2021, Learning Transferable Visual Models (CLIP)",
    .bytes = sizeof(struct pair_loss),
    .point = PLUG_LOSS,
    .declare = pair_loss_declare,
    .build = {[PLUG_ROWS] = build},
    .at = {[PLUG_BEFORE_STEP] = before_step},
    .destroy = pair_loss_destroy,
};
