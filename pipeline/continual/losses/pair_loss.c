#include "pipeline/continual/losses/pair_loss.h"

#include <stdlib.h>

void pair_loss_destroy(struct plug *base) {
    struct pair_loss *t = (struct pair_loss *)base;
    plug_buffers_destroy((struct buffer *[]){t->caption_id, t->usable}, 2);
    free(t->ids);
    free(t->mask);
}

enum status pair_loss_declare(struct plug *base, struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    struct pair_loss *t = (struct pair_loss *)base;
    const int n = base->host.n_samples[BATCH_ROLE_UPDATE];
    struct learner_encoder_request r = {
        .name = "update images",
        .role = BATCH_ROLE_UPDATE,
        .tower = TOWER_IMAGE,
        .n_views = 1,
        .n_samples = n,
    };
    TRY(plug_needs(base, BATCH_ROLE_UPDATE, e));
    t->ids = calloc((size_t)n, sizeof *t->ids);
    t->mask = calloc((size_t)n, sizeof *t->mask);
    if (!t->ids || !t->mask)
        TRY(fail(e, STATUS_NO_MEMORY, "%s: no memory for %d samples", base->name, n));
    TRY(learner_encoder(l, &r, &t->image, e));
    r.name = "update texts";
    r.tower = TOWER_TEXT;
    TRY(learner_encoder(l, &r, &t->text, e));
    TRY(learner_loss(l, base->name, &t->number, e));
done:
    return rc;
}

enum status pair_loss_inputs(struct pair_loss *t, struct learner *l, struct pair_inputs *in,
                             struct error *e) {
    enum status rc = STATUS_OK;
    const int n = t->plug.host.n_samples[BATCH_ROLE_UPDATE];
    in->u = learner_rows(l, t->image);
    in->v = learner_rows(l, t->text);
    in->logit_scale = tower_parameter(learner_builder(l, LEARNER_STUDENT), "logit_scale");
    TRY(plug_input(l, "caption ids", TENSOR_I32, n, 0, &t->caption_id, &in->caption_id, e));
    TRY(plug_input(l, "usable", TENSOR_F32, n, 0, &t->usable, &in->usable, e));
done:
    return rc;
}

enum status pair_loss_before_step(struct plug *base, struct learner *l, const struct plug_moment *m,
                                  struct error *e) {
    enum status rc = STATUS_OK;
    struct pair_loss *t = (struct pair_loss *)base;
    const struct pair_loss_fields *f = base->fields;
    const struct batch_part *part = plug_part(m->batch, BATCH_ROLE_UPDATE);
    t->n_usable = 0;
    for (int i = 0; i < part->n; i++) {
        t->ids[i] = f->dedup_targets ? part->caption_id[i] : i;
        t->mask[i] = part->usable[i] ? 1.0f : 0.0f;
        t->n_usable += part->usable[i] != 0;
    }
    TRY(l->backend->table->upload(t->caption_id, 0, t->ids, (int64_t)part->n * 4, e));
    TRY(l->backend->table->upload(t->usable, 0, t->mask, (int64_t)part->n * 4, e));
    loss_weigh(base, l, t->number, 1, m->stage_step);
done:
    return rc;
}
