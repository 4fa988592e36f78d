#include "pipeline/continual/loss_term.h"

#include <stdlib.h>

static const struct loss_term_class *const classes[] = {
#define LOSS_ADDRESS(name, word, help) &loss_class_##word,
    LOSS_LIST(LOSS_ADDRESS)
#undef LOSS_ADDRESS
};

const char *loss_name(enum loss_type type) {
    return classes[type]->name;
}

enum status loss_create(struct loss_term **out, const struct loss_config *c,
                        const struct loss_preparation *p, struct error *e) {
    const enum status rc = classes[c->type]->create(out, c, p, e);
    if (rc != STATUS_OK) return rc;
    (*out)->class = classes[c->type];
    (*out)->config = *c;
    (*out)->preparation = *p;
    return rc;
}

void loss_destroy(struct loss_term **t) {
    if (*t) (*t)->class->destroy(*t);
    *t = NULL;
}

const struct batch_part *loss_part(const struct batch *batch, enum batch_role role) {
    const struct batch_part *found = NULL;
    for (int i = 0; i < batch->n_parts; i++)
        if (batch->part[i].role == role) found = &batch->part[i];
    CHECK(found);
    return found;
}

enum status loss_needs(const struct loss_term *t, enum batch_role role, struct error *e) {
    if (t->preparation.n_samples[role] > 0) return STATUS_OK;
    return fail(e, STATUS_BAD_ARG,
                "losses: %s needs samples of the role %s, found none; add data.%s to the recipe",
                t->class->name, batch_role_name(role), batch_role_name(role));
}

void loss_set_weight(const struct loss_term *t, struct learner *l, int number, double share,
                     int64_t step) {
    const int64_t ramp = t->config.ramp_steps;
    const double done = ramp > 0 && step < ramp ? (double)(step + 1) / (double)(ramp + 1) : 1;
    learner_weigh(l, number, t->config.weight * share * done);
}

enum status loss_input(struct learner *l, const char *name, enum tensor_type type, int64_t n,
                       int64_t columns, struct buffer **buffer, int *tensor, struct error *e) {
    enum status rc = STATUS_OK;
    const struct tensor t = tensor_make(type, columns ? 2 : 1, (int64_t[]){n, columns});
    TRY(learner_buffer(l, buffer, tensor_bytes(&t), e));
    *tensor = graph_input(&l->loss_graph, name, t, (struct place){.buffer = *buffer});
done:
    return rc;
}

void loss_buffers_destroy(struct buffer **buffers, int n) {
    for (int i = 0; i < n; i++)
        if (buffers[i]) buffers[i]->backend->table->buffer_destroy(buffers[i]);
}
