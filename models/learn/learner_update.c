#include "models/learn/learner.h"

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

static enum status compile_norm(struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    struct graph g;
    graph_init(&g);
    gradient_norm_update(&g, learner_range(&g, "gradient", l->gradient, 0, l->gradient->bytes),
                         live_numbers_input(&l->live, l->clip_norm, &g), learner_norm(l, &g));
    TRY(program_create(&l->norm, l->backend, &g, 1, NULL, e));
done:
    graph_release(&g);
    return rc;
}

enum status learner_update_compile(struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    TRY(compile_norm(l, e));
    TRY(program_create(&l->update, l->backend, learner_graph(l, LEARNER_UPDATE), 1, NULL, e));
done:
    return rc;
}

enum status learner_transform(struct learner *l, struct error *e) {
    return l->backend->table->run(l->backend, l->norm->forward, 1, e);
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
