/* siglip: the sigmoid loss over the update pairs, every two of them, with a learnt scale and bias.
 * Source: Zhai et al. 2023. */
#include "models/ops/sigmoid_loss.h"
#include "pipeline/continual/losses/pair_loss.h"

static enum status declare(struct plug *base, struct learner *l, struct error *e) {
    const struct architecture *a = &l->model->architecture;
    if (architecture_has_text(a) && !a->has_logit_bias)
        return fail(e, STATUS_BAD_ARG,
                    "losses: %s learns a bias of the logits, which architecture %s does not have; "
                    "expected one with init_logit_bias, as ViT-B-16-SigLIP has",
                    base->name, a->name);
    return pair_loss_declare(base, l, e);
}

static enum status build(struct plug *base, struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    struct pair_loss *t = (struct pair_loss *)base;
    struct pair_inputs in;
    TRY(pair_loss_inputs(t, l, &in, e));
    const int loss = sigmoid_loss_call(
        learner_graph(l, LEARNER_ROWS),
        (struct sigmoid_loss_inputs){
            .u = in.u,
            .v = in.v,
            .logit_scale = in.logit_scale,
            .logit_bias = tower_parameter(learner_builder(l, LEARNER_STUDENT), "logit_bias"),
            .caption_id = in.caption_id,
            .usable = in.usable});
    TRY(learner_add_loss(l, t->number, loss, e));
done:
    return rc;
}

static const struct schema_field fields[] = {PAIR_LOSS_FIELDS};

const struct plug_class plug_siglip = {
    .schema = SCHEMA_HELPED("siglip", struct pair_loss_fields, fields,
                            "sigmoid loss over every two of the update pairs, with a learnt bias"),
    .source = "Zhai et al. 2023, Sigmoid Loss for Language Image Pre-Training",
    .bytes = sizeof(struct pair_loss),
    .point = PLUG_LOSS,
    .declare = declare,
    .build = {[PLUG_ROWS] = build},
    .at = {[PLUG_BEFORE_STEP] = pair_loss_before_step},
    .destroy = pair_loss_destroy,
};
