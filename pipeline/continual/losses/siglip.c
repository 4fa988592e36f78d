/* siglip: the sigmoid loss over the update pairs, every two of them, with a learnt scale and bias.
 * Source: Zhai et al. 2023. */
#include "models/ops/sigmoid_loss.h"
#include "pipeline/continual/losses/pair_term.h"

static enum status declare(struct loss_term *base, struct learner *l, struct error *e) {
    const struct architecture *a = &l->model->architecture;
    if (architecture_has_text(a) && !a->has_logit_bias)
        return fail(
            e, STATUS_BAD_ARG,
            "losses: siglip learns a bias of the logits, which architecture %s does not have; "
            "expected one with init_logit_bias, as ViT-B-16-SigLIP has",
            a->name);
    return pair_term_declare(base, l, e);
}

static enum status build(struct loss_term *base, struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    struct pair_term *t = (struct pair_term *)base;
    struct pair_inputs in;
    TRY(pair_term_inputs(t, l, &in, e));
    const int loss = sigmoid_loss_call(
        &l->loss_graph,
        (struct sigmoid_loss_inputs){.u = in.u,
                                     .v = in.v,
                                     .logit_scale = in.logit_scale,
                                     .logit_bias = tower_parameter(&l->student, "logit_bias"),
                                     .caption_id = in.caption_id,
                                     .usable = in.usable});
    TRY(learner_add_loss(l, t->number, loss, e));
done:
    return rc;
}

const struct loss_term_class loss_class_siglip = {
    .name = "siglip",
    .create = pair_term_create,
    .declare = declare,
    .build = build,
    .begin_step = pair_term_begin_step,
    .destroy = pair_term_destroy,
};
