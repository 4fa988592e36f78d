/* clip: the contrastive loss over the update pairs. Source: Radford et al. 2021. */
#include "models/ops/contrastive_loss.h"
#include "pipeline/continual/loss_term.h"

#include <stdlib.h>

struct clip_term {
    struct loss_term base;
    int image, text; /* encoders */
    int number;
    struct buffer *caption_id, *usable;
    int32_t *ids;
    float *mask;
};

static void destroy(struct loss_term *base) {
    struct clip_term *t = (struct clip_term *)base;
    loss_buffers_destroy((struct buffer *[]){t->caption_id, t->usable}, 2);
    free(t->ids);
    free(t->mask);
    free(t);
}

static enum status create(struct loss_term **out, const struct loss_config *c,
                          const struct loss_preparation *p, struct error *e) {
    const size_t n = (size_t)p->n_samples[BATCH_ROLE_UPDATE] + 1;
    struct clip_term *t = calloc(1, sizeof *t);
    (void)c;
    *out = NULL;
    if (!t) return fail(e, STATUS_NO_MEMORY, "clip: no memory");
    t->ids = calloc(n, sizeof *t->ids);
    t->mask = calloc(n, sizeof *t->mask);
    if (!t->ids || !t->mask) {
        destroy(&t->base);
        return fail(e, STATUS_NO_MEMORY, "clip: no memory for %zu samples", n);
    }
    *out = &t->base;
    return STATUS_OK;
}

static enum status declare(struct loss_term *base, struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    struct clip_term *t = (struct clip_term *)base;
    struct learner_encoder_request r = {
        .name = "update images",
        .role = BATCH_ROLE_UPDATE,
        .tower = TOWER_IMAGE,
        .n_views = 1,
        .n_samples = base->preparation.n_samples[BATCH_ROLE_UPDATE],
    };
    TRY(loss_needs(base, BATCH_ROLE_UPDATE, e));
    TRY(learner_encoder(l, &r, &t->image, e));
    r.name = "update texts";
    r.tower = TOWER_TEXT;
    TRY(learner_encoder(l, &r, &t->text, e));
done:
    return rc;
}

static enum status build(struct loss_term *base, struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    struct clip_term *t = (struct clip_term *)base;
    const int n = base->preparation.n_samples[BATCH_ROLE_UPDATE];
    struct contrastive_loss_inputs in = {
        .u = learner_rows(l, t->image),
        .v = learner_rows(l, t->text),
        .logit_scale = tower_parameter(&l->student, "logit_scale"),
    };
    TRY(loss_input(l, "caption ids", TENSOR_I32, n, 0, &t->caption_id, &in.caption_id, e));
    TRY(loss_input(l, "usable", TENSOR_F32, n, 0, &t->usable, &in.usable, e));
    TRY(learner_add_loss(l, "clip", contrastive_loss_call(&l->loss_graph, in), &t->number, e));
done:
    return rc;
}

static enum status begin_step(struct loss_term *base, struct learner *l, const struct batch *batch,
                              struct error *e) {
    enum status rc = STATUS_OK;
    struct clip_term *t = (struct clip_term *)base;
    const struct batch_part *part = loss_part(batch, BATCH_ROLE_UPDATE);
    for (int i = 0; i < part->n; i++) {
        t->ids[i] = base->config.dedup_targets ? part->caption_id[i] : i;
        t->mask[i] = part->usable[i] ? 1.0f : 0.0f;
    }
    TRY(l->backend->table->upload(t->caption_id, 0, t->ids, (int64_t)part->n * 4, e));
    TRY(l->backend->table->upload(t->usable, 0, t->mask, (int64_t)part->n * 4, e));
    loss_set_weight(base, l, t->number, 1, batch->step);
done:
    return rc;
}

const struct loss_term_class loss_class_clip = {
    .name = "clip",
    .create = create,
    .declare = declare,
    .build = build,
    .begin_step = begin_step,
    .destroy = destroy,
};
