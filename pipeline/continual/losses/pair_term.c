#include "pipeline/continual/losses/pair_term.h"

#include <math.h>
#include <stdlib.h>

void pair_term_destroy(struct loss_term *base) {
    struct pair_term *t = (struct pair_term *)base;
    loss_buffers_destroy((struct buffer *[]){t->caption_id, t->usable}, 2);
    free(t->ids);
    free(t->mask);
    free(t);
}

enum status pair_term_create(struct loss_term **out, const struct loss_config *c,
                             const struct loss_preparation *p, struct error *e) {
    const size_t n = (size_t)p->n_samples[BATCH_ROLE_UPDATE] + 1;
    const char *name = loss_name(c->type);
    struct pair_term *t = calloc(1, sizeof *t);
    *out = NULL;
    if (!t) return fail(e, STATUS_NO_MEMORY, "%s: no memory", name);
    t->ids = calloc(n, sizeof *t->ids);
    t->mask = calloc(n, sizeof *t->mask);
    if (!t->ids || !t->mask) {
        pair_term_destroy(&t->base);
        return fail(e, STATUS_NO_MEMORY, "%s: no memory for %zu samples", name, n);
    }
    *out = &t->base;
    return STATUS_OK;
}

enum status pair_term_declare(struct loss_term *base, struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    struct pair_term *t = (struct pair_term *)base;
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
    TRY(learner_loss(l, loss_name(base->config.type), &t->number, e));
done:
    return rc;
}

enum status pair_term_inputs(struct pair_term *t, struct learner *l, struct pair_inputs *in,
                             struct error *e) {
    enum status rc = STATUS_OK;
    const int n = t->base.preparation.n_samples[BATCH_ROLE_UPDATE];
    in->u = learner_rows(l, t->image);
    in->v = learner_rows(l, t->text);
    in->logit_scale = tower_parameter(&l->student, "logit_scale");
    TRY(loss_input(l, "caption ids", TENSOR_I32, n, 0, &t->caption_id, &in->caption_id, e));
    TRY(loss_input(l, "usable", TENSOR_F32, n, 0, &t->usable, &in->usable, e));
done:
    return rc;
}

enum status pair_term_begin_step(struct loss_term *base, struct learner *l,
                                 const struct batch *batch, struct error *e) {
    enum status rc = STATUS_OK;
    struct pair_term *t = (struct pair_term *)base;
    const struct batch_part *part = loss_part(batch, BATCH_ROLE_UPDATE);
    int n_usable = 0;
    for (int i = 0; i < part->n; i++) {
        t->ids[i] = base->config.dedup_targets ? part->caption_id[i] : i;
        t->mask[i] = part->usable[i] ? 1.0f : 0.0f;
        n_usable += part->usable[i] != 0;
    }
    /* Equal logits give each of the pairs that compete the same share, whoever the targets are. */
    if (base->config.type == LOSS_CLIP)
        l->loss[t->number].chance = n_usable > 0 ? log(n_usable) : 0;
    TRY(l->backend->table->upload(t->caption_id, 0, t->ids, (int64_t)part->n * 4, e));
    TRY(l->backend->table->upload(t->usable, 0, t->mask, (int64_t)part->n * 4, e));
    loss_set_weight(base, l, t->number, 1, batch->step);
done:
    return rc;
}
