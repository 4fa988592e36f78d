/* clip: the contrastive loss over the update pairs. Source: Radford et al. 2021. */
#include "models/ops/contrastive_loss.h"
#include "pipeline/continual/losses/pair_term.h"

static enum status build(struct loss_term *base, struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    struct pair_term *t = (struct pair_term *)base;
    struct pair_inputs in;
    TRY(pair_term_inputs(t, l, &in, e));
    const int loss = contrastive_loss_call(
        &l->loss_graph, (struct contrastive_loss_inputs){.u = in.u,
                                                         .v = in.v,
                                                         .logit_scale = in.logit_scale,
                                                         .caption_id = in.caption_id,
                                                         .usable = in.usable});
    TRY(learner_add_loss(l, t->number, loss, e));
done:
    return rc;
}

const struct loss_term_class loss_class_clip = {
    .name = "clip",
    .create = pair_term_create,
    .declare = pair_term_declare,
    .build = build,
    .begin_step = pair_term_begin_step,
    .destroy = pair_term_destroy,
};
