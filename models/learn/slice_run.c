#include "models/learn/slice_run.h"

#include "models/ops/add_block.h"

#include <stdlib.h>

static int n_slices_of(const struct encoder *n) {
    return n->config.n_slices;
}

/* --- Memory --- */

static enum status buffers_create(struct slice_run *r, struct buffer ***out, int n, int64_t bytes,
                                  const char *name, struct error *e) {
    enum status rc = STATUS_OK;
    struct backend *b = r->config.backend;
    *out = calloc((size_t)n + 1, sizeof **out);
    if (!*out) return fail(e, STATUS_NO_MEMORY, "learner: no memory for %d buffers", n);
    for (int i = 0; i < n; i++) {
        TRY(b->table->buffer_create(b, &(*out)[i], bytes, e));
        backend_name((*out)[i], "%s %d", name, i);
    }
done:
    return rc;
}

static void buffers_destroy(struct slice_run *r, struct buffer **buffer, int n) {
    for (int i = 0; buffer && i < n; i++)
        if (buffer[i]) r->config.backend->table->buffer_destroy(buffer[i]);
    free(buffer);
}

static int64_t arena_bytes(const struct slice_run *r, int i) {
    return r->encoder[i]->arena_bytes[r->is_small];
}

static int64_t kept_bytes(const struct slice_run *r) {
    int64_t bytes = 0;
    for (int i = 0; i < r->config.n_encoders; i++)
        bytes += r->n_kept[i] * arena_bytes(r, i);
    return bytes;
}

/* Sizes the lanes for the slices that are not kept. */
static void size_lanes(struct slice_run *r) {
    const int workers = r->config.backend->n_workers;
    r->n_lanes = r->n_forward < workers ? r->n_forward : workers;
    r->lane_bytes = 0;
    for (int i = 0; i < r->config.n_encoders; i++)
        if (r->n_kept[i] < n_slices_of(r->encoder[i]) && arena_bytes(r, i) > r->lane_bytes)
            r->lane_bytes = arena_bytes(r, i);
    if (r->lane_bytes == 0) r->n_lanes = 0;
}

static int64_t bytes_with_nothing_kept(const struct slice_run *r) {
    const int workers = r->config.backend->n_workers;
    int64_t most = 0;
    for (int i = 0; i < r->config.n_encoders; i++)
        if (arena_bytes(r, i) > most) most = arena_bytes(r, i);
    return (r->n_forward < workers ? r->n_forward : workers) * most + r->n_blocks * r->block_bytes;
}

/* Keeps all slices if they fit. Otherwise keeps as many as fit beside the lanes, which the other
 * slices need, beginning with the encoders that run first. */
static void choose_kept(struct slice_run *r) {
    for (int i = 0; i < r->config.n_encoders; i++)
        r->n_kept[i] = encoder_learns(r->encoder[i]) ? n_slices_of(r->encoder[i]) : 0;
    size_lanes(r);
    if (slice_run_bytes(r) <= r->config.memory_bytes) return;
    r->is_small = bytes_with_nothing_kept(r) > r->config.memory_bytes;
    int64_t rest = r->config.memory_bytes - bytes_with_nothing_kept(r);
    for (int i = 0; i < r->config.n_encoders; i++) {
        const int64_t room = rest > 0 ? rest / arena_bytes(r, i) : 0;
        if (room < r->n_kept[i]) r->n_kept[i] = (int)room;
        rest -= r->n_kept[i] * arena_bytes(r, i);
    }
    size_lanes(r);
}

/* The sum of every encoder but the last stays in its block until the end. */
static void size_blocks(struct slice_run *r) {
    int levels = 0, learning = 0;
    for (int i = 0; i < r->config.n_encoders; i++) {
        const struct encoder *n = r->encoder[i];
        if (!encoder_learns(n)) continue;
        const int64_t bytes = parameters_packed_bytes(r->config.parameters, (int)n->config.tower);
        const int needed = slice_tree_blocks(n_slices_of(n));
        if (bytes > r->block_bytes) r->block_bytes = bytes;
        if (needed > levels) levels = needed;
        learning++;
    }
    r->n_blocks = learning > 0 ? learning - 1 + levels + r->config.backend->n_workers - 1 : 0;
    if (r->n_blocks > r->n_backward) r->n_blocks = r->n_backward;
}

static enum status list_items(struct slice_run *r, struct error *e) {
    int n = 1;
    for (int i = 0; i < r->config.n_encoders; i++) n += n_slices_of(r->encoder[i]);
    r->forward = calloc((size_t)n, sizeof *r->forward);
    r->backward = calloc((size_t)n, sizeof *r->backward);
    if (!r->forward || !r->backward)
        return fail(e, STATUS_NO_MEMORY, "learner: no memory for %d slices", n);
    for (int i = 0; i < r->config.n_encoders; i++) {
        for (int s = 0; s < n_slices_of(r->encoder[i]); s++) {
            r->forward[r->n_forward++] = (struct slice_item){i, s};
            if (encoder_learns(r->encoder[i]))
                r->backward[r->n_backward++] = (struct slice_item){i, s};
        }
    }
    return STATUS_OK;
}

/* --- Programs --- */

static int floats(struct graph *g, const char *name, int64_t n, struct place place) {
    return graph_input(g, name, tensor_make(TENSOR_F32, 1, &n), place);
}

/* Compiles block += other. Works are made for neighbouring blocks, the pairs added when slices run
 * in rising order. Adjacent parameters are added as one run; the gaps between them are never
 * read. */
static enum status compile_merge(struct slice_run *r, int i, struct error *e) {
    enum status rc = STATUS_OK;
    struct graph g;
    const struct encoder *n = r->encoder[i];
    const struct parameters *p = r->config.parameters;
    const int pairs = r->n_blocks - 1;
    int64_t begin = 0, bytes = 0;
    struct work_place *at = calloc((size_t)pairs + 1, sizeof *at);
    graph_init(&g);
    if (!at) TRY(fail(e, STATUS_NO_MEMORY, "learner: no memory for %d blocks", r->n_blocks));
    while (parameters_range(p, n->learns, begin + bytes, &begin, &bytes)) {
        struct place place = {
            .buffer = r->config.gradient,
            .offset = parameters_packed_offset(p, (int)n->config.tower, begin),
            .base = OP_BASE_BLOCK};
        const int sum = floats(&g, "sum", bytes / 4, place);
        place.base = OP_BASE_OTHER;
        add_block_update(&g, sum, floats(&g, "other half", bytes / 4, place),
                         (struct add_block_options){0});
    }
    for (int k = 0; k < pairs; k++)
        at[k] = (struct work_place){.block = r->block[k], .other = r->block[k + 1]};
    if (pairs > 0) TRY(program_create(&r->merge[i], r->config.backend, &g, pairs, at, e));
done:
    graph_release(&g);
    free(at);
    return rc;
}

/* Compiles the copy of an encoder's sum into the gradient, whose gaps between parameters stay 0.
 * block: where the sum lies when slices run in rising order. has_sum: parameters that already have
 * a gradient from an earlier encoder. */
static enum status compile_total(struct slice_run *r, int i, bool *has_sum, int block,
                                 struct error *e) {
    enum status rc = STATUS_OK;
    struct graph g;
    const struct encoder *n = r->encoder[i];
    const struct parameters *p = r->config.parameters;
    const struct work_place at = {.block = r->block[block]};
    graph_init(&g);
    for (int k = 0; k < p->n; k++) {
        const struct parameter *w = &p->list[k];
        if (!n->learns[k]) continue;
        const int64_t numbers = tensor_elements(&w->tensor);
        const struct place from = {.buffer = r->config.gradient,
                                   .offset = parameters_packed_offset(p, w->tower, w->offset),
                                   .base = OP_BASE_BLOCK};
        const struct place to = {.buffer = r->config.gradient, .offset = w->offset};
        add_block_update(&g, floats(&g, w->name, numbers, to),
                         floats(&g, "sum of slices", numbers, from),
                         (struct add_block_options){.first = !has_sum[k]});
        has_sum[k] = true;
    }
    TRY(program_create(&r->total[i], r->config.backend, &g, 1, &at, e));
done:
    graph_release(&g);
    return rc;
}

static enum status compile(struct slice_run *r, struct error *e) {
    enum status rc = STATUS_OK;
    int block = 0;
    bool *has_sum = calloc((size_t)r->config.parameters->n + 1, sizeof *has_sum);
    if (!has_sum) return fail(e, STATUS_NO_MEMORY, "learner: no memory to run slices");
    for (int i = 0; i < r->config.n_encoders; i++) {
        if (!encoder_learns(r->encoder[i])) continue;
        TRY(slice_tree_init(&r->tree[i], n_slices_of(r->encoder[i]), e));
        TRY(compile_merge(r, i, e));
        TRY(compile_total(r, i, has_sum, block++, e));
    }
done:
    free(has_sum);
    return rc;
}

enum status slice_run_create(struct slice_run **out, const struct slice_run_config *c,
                             struct error *e) {
    enum status rc = STATUS_OK;
    struct slice_run *r = calloc(1, sizeof *r);
    *out = NULL;
    if (!r) return fail(e, STATUS_NO_MEMORY, "learner: no memory to run slices");
    CHECK(c->n_encoders <= SLICE_RUN_ENCODERS_MAX);
    r->config = *c;
    pthread_mutex_init(&r->mutex, NULL);
    pthread_cond_init(&r->block_came, NULL);
    for (int i = 0; i < c->n_encoders; i++) r->encoder[i] = c->encoder[i];
    r->config.encoder = r->encoder;
    TRY(list_items(r, e));
    size_blocks(r);
    choose_kept(r);
done:
    if (rc != STATUS_OK) slice_run_destroy(&r);
    *out = r;
    return rc;
}

enum status slice_run_place(struct slice_run *r, struct error *e) {
    enum status rc = STATUS_OK;
    TRY(buffers_create(r, &r->lane, r->n_lanes, r->lane_bytes, "lane", e));
    TRY(buffers_create(r, &r->block, r->n_blocks, r->block_bytes, "gradient block", e));
    r->is_used = calloc((size_t)r->n_blocks + 1, sizeof *r->is_used);
    if (!r->is_used) TRY(fail(e, STATUS_NO_MEMORY, "learner: no memory to run slices"));
    for (int i = 0, first = 0; i < r->config.n_encoders; i++) {
        struct encoder *n = r->encoder[i];
        TRY(buffers_create(r, &r->kept[i], r->n_kept[i], arena_bytes(r, i), n->config.name, e));
        const struct encoder_memory memory = {
            .lane = r->lane,
            .kept = r->kept[i],
            .n_kept = r->n_kept[i],
            .is_small = r->is_small,
            .block = encoder_learns(n) ? r->block + first++ : NULL,
        };
        TRY(encoder_place(n, &memory, e));
    }
    TRY(compile(r, e));
done:
    return rc;
}

void slice_run_destroy(struct slice_run **run) {
    struct slice_run *r = *run;
    if (!r) return;
    for (int i = 0; i < r->config.n_encoders; i++) {
        program_destroy(&r->merge[i]);
        program_destroy(&r->total[i]);
        slice_tree_release(&r->tree[i]);
        buffers_destroy(r, r->kept[i], r->n_kept[i]);
    }
    buffers_destroy(r, r->lane, r->n_lanes);
    buffers_destroy(r, r->block, r->n_blocks);
    free(r->is_used);
    free(r->forward);
    free(r->backward);
    pthread_cond_destroy(&r->block_came);
    pthread_mutex_destroy(&r->mutex);
    free(r);
    *run = NULL;
}

int64_t slice_run_bytes(const struct slice_run *r) {
    return kept_bytes(r) + r->n_lanes * r->lane_bytes + r->n_blocks * r->block_bytes;
}

int64_t slice_run_least_bytes(const struct slice_run *r) {
    struct slice_run small = *r;
    small.is_small = true;
    return bytes_with_nothing_kept(&small);
}

int slice_run_learning(const struct slice_run *r) {
    return r->n_backward;
}

int slice_run_kept(const struct slice_run *r) {
    int n = 0;
    for (int i = 0; i < r->config.n_encoders; i++) n += r->n_kept[i];
    return n;
}

/* --- Running --- */

static enum status forward_slice(void *context, int64_t item, int worker, struct error *e) {
    const struct slice_run *r = context;
    const struct slice_item *i = &r->forward[item];
    return encoder_forward(r->encoder[i->encoder], i->slice, worker, e);
}

enum status slice_run_forward(struct slice_run *r, struct error *e) {
    struct backend *b = r->config.backend;
    return b->table->each(b, r->n_forward, forward_slice, r, e);
}

/* The lowest free block, or -1. */
static int free_block(const struct slice_run *r) {
    for (int i = 0; i < r->n_blocks; i++)
        if (!r->is_used[i]) return i;
    return -1;
}

/* Takes the next slice and a block for it, both at once: every earlier slice then is done or has a
 * block, so a block always becomes free. -1: a task has failed. */
static int take_block(struct slice_run *r, struct slice_item *item) {
    int block = -1;
    pthread_mutex_lock(&r->mutex);
    while (!r->has_failed && (block = free_block(r)) < 0)
        pthread_cond_wait(&r->block_came, &r->mutex);
    if (!r->has_failed) {
        r->is_used[block] = true;
        *item = r->backward[r->next++];
    }
    const bool has_failed = r->has_failed;
    pthread_mutex_unlock(&r->mutex);
    return has_failed ? -1 : block;
}

/* Adds node to its other half, and goes up the tree while nodes are ready. */
static enum status add_up(struct slice_run *r, int encoder, struct slice_node node,
                          struct error *e) {
    enum status rc = STATUS_OK;
    const struct program *merge = r->merge[encoder];
    int from;
    pthread_mutex_lock(&r->mutex);
    while (rc == STATUS_OK && slice_tree_add(&r->tree[encoder], &node, &from)) {
        const struct work_place at = {.slice = r->config.backend->moves_work ? 0 : node.block,
                                      .block = r->block[node.block],
                                      .other = r->block[from]};
        pthread_mutex_unlock(&r->mutex);
        rc = program_run(merge, OP_FORWARD, &at, e);
        pthread_mutex_lock(&r->mutex);
        r->is_used[from] = false;
        pthread_cond_signal(&r->block_came);
    }
    pthread_mutex_unlock(&r->mutex);
    return rc;
}

static enum status backward_slice(void *context, int64_t number, int worker, struct error *e) {
    enum status rc = STATUS_OK;
    struct slice_run *r = context;
    struct slice_item item;
    const int block = take_block(r, &item);
    (void)number; /* take_block counts */
    if (block < 0) return rc;
    rc = encoder_backward(r->encoder[item.encoder], item.slice, worker, r->block[block], e);
    if (rc == STATUS_OK)
        rc = add_up(r, item.encoder, (struct slice_node){.first = item.slice, .block = block}, e);
    if (rc != STATUS_OK) {
        pthread_mutex_lock(&r->mutex);
        r->has_failed = true;
        pthread_cond_broadcast(&r->block_came);
        pthread_mutex_unlock(&r->mutex);
    }
    return rc;
}

enum status slice_run_backward(struct slice_run *r, struct error *e) {
    enum status rc = STATUS_OK;
    struct backend *b = r->config.backend;
    r->next = 0;
    r->has_failed = false;
    for (int i = 0; i < r->n_blocks; i++) r->is_used[i] = false;
    for (int i = 0; i < r->config.n_encoders; i++) slice_tree_begin(&r->tree[i]);
    TRY(b->table->each(b, r->n_backward, backward_slice, r, e));
    for (int i = 0; i < r->config.n_encoders; i++) {
        if (!encoder_learns(r->encoder[i])) continue;
        const int root = slice_tree_root(&r->tree[i]);
        CHECK(root >= 0);
        TRY(program_run(r->total[i], OP_FORWARD, &(struct work_place){.block = r->block[root]}, e));
    }
done:
    return rc;
}
