#include "models/clip/encoder.h"

#include "models/ops/normalize.h"
#include "models/ops/pack_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t round_up(int64_t n, int64_t step) {
    return (n + step - 1) / step * step;
}

static int bucket_step(const struct encoder *n) {
    const int step = n->config.bucket_step > 0 ? n->config.bucket_step : 8;
    const int context = n->config.view.architecture->context;
    /* Long contexts get wider buckets, not more buckets. */
    return context <= step * ENCODER_BUCKETS ? step
                                             : (context + ENCODER_BUCKETS - 1) / ENCODER_BUCKETS;
}

/* Tokens of a text program. */
static int bucket_tokens(const struct encoder *n, int bucket) {
    const int tokens = (bucket + 1) * bucket_step(n),
              context = n->config.view.architecture->context;
    return tokens < context ? tokens : context;
}

static int rows_per_slice(const struct encoder *n) {
    return n->config.slice_samples * n->config.rows_per_sample;
}

static int feature_line(const struct encoder *n) {
    return (int)(n->feature_stride / 4);
}

static int tokens_per_sample(const struct encoder *n, int bucket) {
    return n->config.tower == TOWER_IMAGE ? n->config.view.architecture->tower[TOWER_IMAGE].tokens
                                          : bucket_tokens(n, bucket);
}

static void note_gradients(struct encoder *n, const struct graph *g,
                           const struct tower_builder *b) {
    for (int i = 0; i < n->config.view.parameters->n; i++) {
        const int t = b->tensor[i];
        n->learns[i] = t != GRAPH_NONE && g->tensors[t].gradient != GRAPH_NONE;
    }
}

static enum status build(struct encoder *n, struct graph *g, int bucket, bool is_small,
                         struct error *e) {
    enum status rc = STATUS_OK;
    const struct encoder_config *c = &n->config;
    const struct architecture *a = c->view.architecture;
    const int samples = c->slice_samples, size = a->image_size;
    const struct place input = {.buffer = n->input, .slice_stride = n->input_stride};
    const struct place index = {.buffer = n->index, .slice_stride = n->index_stride};
    const struct place features = {.buffer = n->features, .slice_stride = n->feature_stride};
    struct tower_builder b = {0};
    TRY(tower_builder_init(&b, g, &c->view, e));
    int tokens;
    if (c->tower == TOWER_IMAGE) {
        const struct tensor t = tensor_make(TENSOR_U8, 4, (int64_t[]){samples, size, size, 3});
        tokens = tower_image_tokens(&b, graph_input(g, "pixels", t, input));
    } else {
        const struct tensor t =
            tensor_make(TENSOR_I32, 2, (int64_t[]){samples, bucket_tokens(n, bucket)});
        tokens = tower_text_tokens(&b, graph_input(g, "ids", t, input));
    }
    const int rows = rows_per_slice(n);
    const struct tensor t = tensor_make(TENSOR_I32, 1, (int64_t[]){rows});
    const int rows_index = graph_input(g, "index", t, index);
    int result = c->result == ENCODER_TOKENS ? tower_pool(&b, c->tower, tokens, rows_index)
                                             : tower_features(&b, c->tower, tokens, rows_index);
    if (c->result == ENCODER_FEATURES) result = normalize_call(g, result);
    graph_place(g, result, features);
    if (c->view.gradients.buffer) {
        const struct tensor d = tensor_make(TENSOR_F32, 2, (int64_t[]){rows, n->row_width});
        const struct place place = {.buffer = n->d_features, .slice_stride = n->feature_stride};
        const int gradient = graph_input(g, "d features", d, place);
        g->is_recomputed = is_small;
        graph_backward(g, 1, &result, &gradient);
    }
    rc = graph_status(g, e);
    if (rc == STATUS_OK) note_gradients(n, g, &b);
done:
    tower_builder_release(&b);
    if (rc != STATUS_OK) error_context(e, "%s", c->name);
    return rc;
}

static enum status compile(struct encoder *n, int bucket, struct error *e) {
    enum status rc = STATUS_OK;
    struct graph g;
    if (n->program[bucket]) return rc;
    graph_init(&g);
    TRY(build(n, &g, bucket, n->memory.is_small, e));
    TRY(program_create(&n->program[bucket], n->backend, &g, n->config.n_slices, n->at, e));
done:
    graph_release(&g);
    return rc;
}

static int n_buckets(const struct encoder *n) {
    if (n->config.tower == TOWER_IMAGE) return 1;
    return (n->config.view.architecture->context - 1) / bucket_step(n) + 1;
}

/* A longer text need not have the larger plan, so measure every bucket. */
static enum status measure_arena(struct encoder *n, struct error *e) {
    enum status rc = STATUS_OK;
    for (int k = 0; k < 2 * n_buckets(n) && rc == STATUS_OK; k++) {
        const bool is_small = k % 2;
        struct graph g;
        struct plan p = {0};
        graph_init(&g);
        rc = build(n, &g, k / 2, is_small, e);
        if (rc == STATUS_OK) rc = plan_init(&p, &g, e);
        if (rc == STATUS_OK && program_arena_bytes(&p) > n->arena_bytes[is_small])
            n->arena_bytes[is_small] = program_arena_bytes(&p);
        plan_release(&p);
        graph_release(&g);
    }
    return rc;
}

enum status encoder_place(struct encoder *n, const struct encoder_memory *memory,
                          struct error *e) {
    const int n_slices = n->config.n_slices;
    CHECK(!n->at && memory->n_kept <= n_slices);
    n->memory = *memory;
    n->at = calloc((size_t)n_slices, sizeof *n->at);
    if (!n->at)
        return fail(e, STATUS_NO_MEMORY, "%s: no memory for %d slices", n->config.name, n_slices);
    for (int s = 0; s < n_slices; s++) {
        int blocks = 0;
        for (int rest = s; rest; rest &= rest - 1) blocks++;
        n->at[s] = (struct work_place){.slice = s,
                                       .arena = s < memory->n_kept ? memory->kept[s]
                                                                   : memory->lane[0],
                                       .block = memory->block ? memory->block[blocks] : NULL};
    }
    return n->config.tower == TOWER_IMAGE ? compile(n, 0, e) : STATUS_OK;
}

/* Allocates the encoder's own memory. With gradients every slice is kept. */
static enum status place_alone(struct encoder *n, struct error *e) {
    enum status rc = STATUS_OK;
    const int n_slices = n->config.n_slices, workers = n->backend->n_workers;
    n->n_own = encoder_learns(n) || n_slices < workers ? n_slices : workers;
    n->own = calloc((size_t)n->n_own, sizeof *n->own);
    if (!n->own)
        return fail(e, STATUS_NO_MEMORY, "%s: no memory for %d arenas", n->config.name, n->n_own);
    for (int i = 0; i < n->n_own; i++)
        TRY(n->backend->table->buffer_create(n->backend, &n->own[i], n->arena_bytes[0], e));
    TRY(encoder_place(n,
                      &(struct encoder_memory){.lane = n->own,
                                               .kept = n->own,
                                               .n_kept = encoder_learns(n) ? n_slices : 0},
                      e));
done:
    return rc;
}

enum status encoder_create(struct encoder **out, struct backend *b,
                           const struct encoder_config *config, struct error *e) {
    enum status rc = STATUS_OK;
    const struct architecture *a = config->view.architecture;
    const struct backend_table *t = b->table;
    struct encoder *n = calloc(1, sizeof *n);
    *out = NULL;
    if (!n) return fail(e, STATUS_NO_MEMORY, "%s: no memory for an encoder", config->name);
    if (config->tower == TOWER_TEXT && !architecture_has_text(a))
        TRY(fail(
            e, STATUS_BAD_ARG,
            "%s: architecture %s has no text tower; expected a loss or task over pictures only, "
            "as glare is",
            config->name, a->name));
    CHECK(config->n_slices > 0 && config->slice_samples > 0 && config->rows_per_sample > 0);
    n->config = *config;
    n->backend = b;
    n->row_width = config->result == ENCODER_TOKENS ? a->tower[config->tower].width : a->joint;
    const int64_t sample_bytes = config->tower == TOWER_IMAGE
                                     ? (int64_t)a->image_size * a->image_size * 3
                                     : (int64_t)a->context * 4;
    n->input_stride = round_up(sample_bytes * config->slice_samples, 256);
    n->index_stride = round_up((int64_t)rows_per_slice(n) * 4, 256);
    n->feature_stride = round_up((int64_t)rows_per_slice(n) * n->row_width * 4, 256);
    TRY(t->buffer_create(b, &n->input, n->input_stride * config->n_slices, e));
    TRY(t->buffer_create(b, &n->index, n->index_stride * config->n_slices, e));
    TRY(t->buffer_create(b, &n->features, n->feature_stride * config->n_slices, e));
    TRY(t->buffer_create(b, &n->d_features, n->feature_stride * config->n_slices, e));
    backend_name(n->input, "%s: input", config->name);
    backend_name(n->index, "%s: rows", config->name);
    backend_name(n->features, "%s: features", config->name);
    backend_name(n->d_features, "%s: gradients of features", config->name);
    n->learns = calloc((size_t)config->view.parameters->n + 1, sizeof *n->learns);
    if (!n->learns) TRY(fail(e, STATUS_NO_MEMORY, "%s: no memory for an encoder", config->name));
    TRY(measure_arena(n, e));
    if (!config->is_placed_later) TRY(place_alone(n, e));
done:
    if (rc != STATUS_OK) encoder_destroy(&n);
    *out = n;
    return rc;
}

void encoder_destroy(struct encoder **encoder) {
    struct encoder *n = *encoder;
    if (!n) return;
    struct buffer *buffers[] = {n->input, n->index, n->features, n->d_features};
    for (int i = 0; i < ENCODER_BUCKETS; i++) program_destroy(&n->program[i]);
    for (int i = 0; i < 4; i++)
        if (buffers[i]) n->backend->table->buffer_destroy(buffers[i]);
    for (int i = 0; i < n->n_own; i++)
        if (n->own && n->own[i]) n->backend->table->buffer_destroy(n->own[i]);
    free(n->own);
    free(n->learns);
    free(n->at);
    free(n);
    *encoder = NULL;
}

/* Uploads, per slice, the row numbers of the chosen tokens: sample * tokens + token. */
static enum status set_index(struct encoder *n, const int32_t *token, int tokens, struct error *e) {
    enum status rc = STATUS_OK;
    const int rows = rows_per_slice(n), per_sample = n->config.rows_per_sample;
    int32_t *index = malloc((size_t)rows * sizeof *index);
    if (!index) return fail(e, STATUS_NO_MEMORY, "%s: no memory for an index", n->config.name);
    for (int s = 0; s < n->config.n_slices; s++) {
        for (int r = 0; r < rows; r++) {
            const int32_t chosen = token ? token[(int64_t)s * rows + r] : 0;
            CHECK(chosen >= 0 && chosen < tokens);
            index[r] = r / per_sample * tokens + chosen;
        }
        TRY(n->backend->table->upload(n->index, s * n->index_stride, index, (int64_t)rows * 4, e));
    }
done:
    free(index);
    return rc;
}

enum status encoder_set_pixels(struct encoder *n, const uint8_t *pixels, const int32_t *token,
                               struct error *e) {
    enum status rc = STATUS_OK;
    const int size = n->config.view.architecture->image_size;
    const int64_t bytes = (int64_t)n->config.slice_samples * size * size * 3;
    for (int s = 0; s < n->config.n_slices; s++)
        TRY(n->backend->table->upload(n->input, s * n->input_stride, pixels + s * bytes, bytes, e));
    TRY(set_index(n, token, tokens_per_sample(n, 0), e));
done:
    return rc;
}

enum status encoder_set_text(struct encoder *n, const int32_t *ids, int context,
                             const int32_t *length, struct error *e) {
    enum status rc = STATUS_OK;
    const int samples = n->config.slice_samples, total = samples * n->config.n_slices;
    const bool is_last = n->config.view.architecture->tower[TOWER_TEXT].pool == TOWER_POOL_LAST;
    int longest = is_last ? context : 1; /* if the last position is pooled, all must be computed */
    for (int i = 0; i < total; i++)
        if (length[i] > longest) longest = length[i];
    n->bucket = (longest - 1) / bucket_step(n);
    TRY(compile(n, n->bucket, e));
    const int tokens = bucket_tokens(n, n->bucket);
    CHECK(longest <= tokens && tokens <= context);
    int32_t *slice = malloc((size_t)samples * (size_t)tokens * sizeof *slice);
    int32_t *last = malloc((size_t)total * sizeof *last);
    if (!slice || !last) {
        rc = fail(e, STATUS_NO_MEMORY, "%s: no memory for token ids", n->config.name);
    } else {
        for (int i = 0; i < total; i++)
            last[i] = is_last ? tokens - 1 : length[i] > 0 ? length[i] - 1 : 0;
        for (int s = 0; s < n->config.n_slices && rc == STATUS_OK; s++) {
            for (int i = 0; i < samples; i++)
                memcpy(slice + (int64_t)i * tokens, ids + (int64_t)(s * samples + i) * context,
                       (size_t)tokens * sizeof *slice);
            rc = n->backend->table->upload(n->input, s * n->input_stride, slice,
                                           (int64_t)samples * tokens * 4, e);
        }
        if (rc == STATUS_OK) rc = set_index(n, last, tokens, e);
    }
    free(slice);
    free(last);
done:
    return rc;
}

enum status encoder_compile_longest(struct encoder *n, struct error *e) {
    n->bucket = n_buckets(n) - 1;
    return compile(n, n->bucket, e);
}

bool encoder_learns(const struct encoder *n) {
    return n->config.view.gradients.buffer != NULL;
}

/* Where a slice runs now: n->at, with the arena of this worker if the slice is not kept. */
static struct work_place place_of(const struct encoder *n, int slice, int worker) {
    struct work_place at = n->at[slice];
    if (slice >= n->memory.n_kept) at.arena = n->memory.lane[worker];
    return at;
}

enum status encoder_forward(const struct encoder *n, int slice, int worker, struct error *e) {
    const struct work_place at = place_of(n, slice, worker);
    return program_run(n->program[n->bucket], OP_FORWARD, &at, e);
}

enum status encoder_backward(const struct encoder *n, int slice, int worker, struct buffer *block,
                             struct error *e) {
    enum status rc = STATUS_OK;
    struct work_place at = place_of(n, slice, worker);
    if (n->memory.block) at.block = block;
    if (slice >= n->memory.n_kept)
        TRY(program_run(n->program[n->bucket], OP_FORWARD, &at, e)); /* encode again */
    TRY(program_run(n->program[n->bucket], OP_BACKWARD, &at, e));
done:
    return rc;
}

static enum status compute_slice(void *context, int64_t slice, int worker, struct error *e) {
    return encoder_forward(context, (int)slice, worker, e);
}

enum status encoder_compute(const struct encoder *n, int n_slices, struct error *e) {
    CHECK(n_slices <= n->config.n_slices);
    return n->backend->table->each(n->backend, n_slices, compute_slice, (void *)n, e);
}

int encoder_rows(const struct encoder *n, struct graph *g, bool gradient) {
    const struct encoder_config *c = &n->config;
    const struct tensor t = tensor_make(TENSOR_F32, 2, (int64_t[]){c->n_slices, feature_line(n)});
    const struct place place = {.buffer = n->features}, d_place = {.buffer = n->d_features};
    const struct pack_rows_options options = {.n_rows = rows_per_slice(n),
                                              .n_columns = n->row_width};
    const int x = gradient ? graph_parameter(g, c->name, t, place, d_place)
                           : graph_input(g, c->name, t, place);
    return pack_rows_call(g, x, options);
}

enum status encoder_read(const struct encoder *n, float *rows, struct error *e) {
    enum status rc = STATUS_OK;
    const int64_t bytes = (int64_t)rows_per_slice(n) * n->row_width * 4;
    for (int s = 0; s < n->config.n_slices; s++)
        TRY(n->backend->table->download((char *)rows + s * bytes, n->features,
                                        s * n->feature_stride, bytes, e));
done:
    return rc;
}

int64_t encoder_bytes(const struct encoder *n) {
    return n->input->bytes + n->index->bytes + n->features->bytes + n->d_features->bytes +
           n->n_own * n->arena_bytes[0];
}

double encoder_flops(const struct encoder *n) {
    const struct program *p = n->program[n->bucket];
    return p ? (p->plan.flops_forward + p->plan.flops_backward) * n->config.n_slices : 0;
}
