#include "models/learn/learner.h"

#include "models/ops/add_block.h"
#include "models/ops/gradient_norm.h"
#include "pipeline/base/hash.h"

#include <stdlib.h>

int64_t learner_norm_offset(const struct learner *l) {
    return l->n_losses * (int64_t)LEARNER_RESULT_STRIDE;
}

int learner_range(struct graph *g, const char *name, struct buffer *block, int64_t from,
                  int64_t to) {
    const int64_t n = (to - from) / 4;
    return graph_input(g, name, tensor_make(TENSOR_F32, 1, &n),
                       (struct place){.buffer = block, .offset = from});
}

int learner_norm(const struct learner *l, struct graph *g) {
    const int64_t at = learner_norm_offset(l);
    return learner_range(g, "norm", l->result, at, at + 8);
}

/* Whether the backward pass writes the gradient of a parameter. */
static bool is_written(const struct learner *l, int parameter) {
    const int t = l->slot[LEARNER_STUDENT].builder.tensor[parameter];
    if (t != GRAPH_NONE && l->graph[LEARNER_ROWS].tensors[t].gradient != GRAPH_NONE) return true;
    for (int i = 0; i < l->n_encoders; i++)
        if (encoder_learns(l->encoder[i]) && l->encoder[i]->learns[parameter]) return true;
    return false;
}

/* What adds to the gradient of a parameter that no loss reaches would add to that of the step
 * before, so these become zeros first. */
static enum status compile_clear(struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    const struct parameters *p = &l->model->parameters;
    struct graph g;
    int64_t most = 0;
    graph_init(&g);
    if (learner_graph(l, LEARNER_TRANSFORM)->n_nodes == 0) goto done;
    for (int k = 0; k < p->n; k++) {
        const int64_t bytes = tensor_bytes(&p->list[k].tensor);
        if (p->list[k].is_trainable && !is_written(l, k) && bytes > most) most = bytes;
    }
    if (most == 0) goto done;
    TRY(learner_buffer(l, &l->zeros, most, e));
    for (int k = 0; k < p->n; k++) {
        const struct parameter *w = &p->list[k];
        const int64_t bytes = tensor_bytes(&w->tensor);
        if (!w->is_trainable || is_written(l, k)) continue;
        add_block_update(&g, learner_range(&g, w->name, l->gradient, w->offset, w->offset + bytes),
                         learner_range(&g, "zeros", l->zeros, 0, bytes),
                         (struct add_block_options){.first = 1});
    }
    TRY(program_create(&l->clear, l->backend, &g, 1, NULL, e));
done:
    graph_release(&g);
    return rc;
}

static enum status compile_transform(struct learner *l, struct error *e) {
    struct graph *g = learner_graph(l, LEARNER_TRANSFORM);
    gradient_norm_update(g, learner_range(g, "gradient", l->gradient, 0, l->gradient->bytes),
                         live_numbers_input(&l->live, l->clip_norm, g), learner_norm(l, g));
    return program_create(&l->transform, l->backend, g, 1, NULL, e);
}

enum status learner_update_compile(struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    TRY(compile_clear(l, e));
    TRY(compile_transform(l, e));
    TRY(program_create(&l->update, l->backend, learner_graph(l, LEARNER_UPDATE), 1, NULL, e));
done:
    return rc;
}

enum status learner_transform(struct learner *l, struct error *e) {
    const struct backend_table *t = l->backend->table;
    const enum status rc = l->clear ? t->run(l->backend, l->clear->forward, 1, e) : STATUS_OK;
    return rc == STATUS_OK ? t->run(l->backend, l->transform->forward, 1, e) : rc;
}

enum status learner_update(struct learner *l, struct error *e) {
    return l->backend->table->run(l->backend, l->update->forward, 1, e);
}

enum status learner_gradient_hash(struct learner *l, uint64_t *hash, struct error *e) {
    enum status rc = STATUS_OK;
    const size_t n = (size_t)l->gradient->bytes;
    void *bytes = malloc(n);
    if (!bytes) return fail(e, STATUS_NO_MEMORY, "learner: no memory for a copy of the gradient");
    TRY(l->backend->table->download(bytes, l->gradient, 0, l->gradient->bytes, e));
    *hash = hash_64(bytes, n, 0);
done:
    free(bytes);
    return rc;
}

enum status learner_copy(struct learner *l, int to, int from, struct error *e) {
    enum status rc = STATUS_OK;
    struct buffer *source = learner_weights(l, from);
    void *bytes = malloc((size_t)source->bytes);
    if (!bytes) return fail(e, STATUS_NO_MEMORY, "learner: no memory for a copy of the weights");
    TRY(l->backend->table->download(bytes, source, 0, source->bytes, e));
    TRY(l->backend->table->upload(learner_weights(l, to), 0, bytes, source->bytes, e));
done:
    free(bytes);
    return rc;
}

enum status learner_zero(struct learner *l, struct buffer *buffer, struct error *e) {
    void *zeros = calloc(1, (size_t)buffer->bytes);
    if (!zeros) return fail(e, STATUS_NO_MEMORY, "learner: no memory for zeros");
    const enum status rc = l->backend->table->upload(buffer, 0, zeros, buffer->bytes, e);
    free(zeros);
    return rc;
}
