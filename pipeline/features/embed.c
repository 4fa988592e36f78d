#include "pipeline/features/embed.h"

#include "models/clip/encoder.h"
#include "pipeline/base/log.h"
#include "pipeline/base/stop.h"
#include "pipeline/base/thread.h"

#include <stdlib.h>
#include <string.h>

struct embedder {
    struct backend *backend;
    struct weights_view view;
    int slice_samples, n_slices;
    int64_t block; /* samples */
    bool is_raw;
    struct encoder *encoder[TOWER_COUNT];
    float *features; /* (block, width) */
    /* pictures */
    struct thread_pool *pool;
    struct dataset_memory *memory; /* per thread of the pool */
    uint8_t *pixels;               /* (block, S, S, 3) */
};

static size_t picture_bytes(const struct embedder *m) {
    const size_t size = (size_t)m->view.architecture->image_size;
    return size * size * 3;
}

enum status embedder_create(struct embedder **out, struct backend *b,
                            const struct weights_view *view, int slice_samples, int n_slices,
                            struct error *e) {
    struct embedder *m = calloc(1, sizeof *m);
    *out = m;
    if (!m) return fail(e, STATUS_NO_MEMORY, "no memory for an embedder");
    CHECK(slice_samples > 0 && n_slices > 0);
    m->backend = b;
    m->view = *view;
    m->view.gradients = (struct place){0};
    m->slice_samples = slice_samples;
    m->n_slices = n_slices;
    m->block = (int64_t)slice_samples * n_slices;
    m->features = malloc((size_t)m->block * (size_t)embedder_width(m) * sizeof *m->features);
    if (m->features) return STATUS_OK;
    embedder_destroy(out);
    return fail(e, STATUS_NO_MEMORY, "no memory for features of %d samples",
                slice_samples * n_slices);
}

void embedder_destroy(struct embedder **embedder) {
    struct embedder *m = *embedder;
    if (!m) return;
    for (int t = 0; t < TOWER_COUNT; t++) encoder_destroy(&m->encoder[t]);
    for (int i = 0; m->memory && i < thread_pool_size(m->pool); i++)
        dataset_memory_release(&m->memory[i]);
    free(m->memory);
    thread_pool_destroy(&m->pool);
    free(m->pixels);
    free(m->features);
    free(m);
    *embedder = NULL;
}

void embedder_set_raw(struct embedder *m) {
    CHECK(!m->encoder[TOWER_IMAGE] && !m->encoder[TOWER_TEXT]);
    m->is_raw = true;
}

int embedder_width(const struct embedder *m) {
    return m->view.architecture->joint;
}

/* Creates the encoder of a tower on first use. */
static enum status want_encoder(struct embedder *m, enum tower tower, struct error *e) {
    const struct encoder_config c = {.name = tower == TOWER_IMAGE ? "pictures" : "texts",
                                     .tower = tower,
                                     .view = m->view,
                                     .result = m->is_raw ? ENCODER_RAW_FEATURES
                                                         : ENCODER_FEATURES,
                                     .n_slices = m->n_slices,
                                     .slice_samples = m->slice_samples,
                                     .rows_per_sample = 1};
    if (m->encoder[tower]) return STATUS_OK;
    return encoder_create(&m->encoder[tower], m->backend, &c, e);
}

/* Runs the slices that hold the first n samples of the block and copies all rows to m->features. */
static enum status run_block(struct embedder *m, enum tower tower, int64_t n, struct error *e) {
    enum status rc = STATUS_OK;
    const struct encoder *encoder = m->encoder[tower];
    const int n_slices = (int)((n + m->slice_samples - 1) / m->slice_samples);
    TRY(stop_check(tower == TOWER_IMAGE ? "features of pictures" : "features of texts", e));
    TRY(encoder_compute(encoder, n_slices, e));
    TRY(encoder_read(encoder, m->features, e));
done:
    return rc;
}

/* --- Pictures --- */

/* An error that ends the call: that of the first sample with one. */
struct decode_error {
    int64_t item;
    struct error error;
};

struct decode {
    embedder_read read;
    const void *context;
    int64_t first;
    int size;
    size_t picture_bytes;
    uint8_t *pixels, *usable;
    struct dataset_memory *memory;
    struct decode_error *error; /* per worker; status OK: none */
};

static void decode_one(void *context, int64_t item, int worker) {
    const struct decode *d = context;
    struct error e = {.status = STATUS_OK};
    uint8_t *pixels = d->pixels + (size_t)item * d->picture_bytes;
    const enum status rc =
        d->read(pixels, d->size, d->context, d->first + item, &d->memory[worker], &e);
    d->usable[item] = rc == STATUS_OK;
    if (rc == STATUS_OK) return;
    memset(pixels, 0, d->picture_bytes);
    struct decode_error *kept = &d->error[worker];
    if (rc == STATUS_BAD_DATA) {
        log_debug("%s", e.text);
    } else if (kept->error.status == STATUS_OK || item < kept->item) {
        kept->item = item;
        kept->error = e;
        kept->error.status = rc;
    }
}

static enum status decode_block(struct embedder *m, embedder_read read, const void *context,
                                int64_t first, int64_t n, uint8_t *usable, struct error *e) {
    enum status rc = STATUS_OK;
    const int n_threads = thread_pool_size(m->pool);
    const struct decode_error *worst = NULL;
    struct decode d = {.read = read,
                       .context = context,
                       .first = first,
                       .size = m->view.architecture->image_size,
                       .picture_bytes = picture_bytes(m),
                       .pixels = m->pixels,
                       .usable = usable,
                       .memory = m->memory,
                       .error = calloc((size_t)n_threads, sizeof *d.error)};
    if (!d.error) return fail(e, STATUS_NO_MEMORY, "no memory to decode pictures");
    thread_pool_run(m->pool, n, decode_one, &d);
    for (int i = 0; i < n_threads; i++)
        if (d.error[i].error.status != STATUS_OK && (!worst || d.error[i].item < worst->item))
            worst = &d.error[i];
    if (worst) rc = fail(e, worst->error.status, "%s", worst->error.text);
    free(d.error);
    return rc;
}

static enum status want_decoder(struct embedder *m, struct error *e) {
    enum status rc = STATUS_OK;
    if (!m->pool) TRY(thread_pool_create(&m->pool, 0, e));
    if (!m->memory) m->memory = calloc((size_t)thread_pool_size(m->pool), sizeof *m->memory);
    if (!m->pixels) m->pixels = malloc((size_t)m->block * picture_bytes(m));
    if (!m->memory || !m->pixels)
        rc = fail(e, STATUS_NO_MEMORY, "no memory for %lld pictures", (long long)m->block);
done:
    return rc;
}

enum status embedder_pictures(struct embedder *m, embedder_read read, const void *context,
                              int64_t n, float *features, uint8_t *usable, struct error *e) {
    enum status rc = STATUS_OK;
    const size_t row_bytes = (size_t)embedder_width(m) * sizeof *features;
    TRY(want_decoder(m, e));
    TRY(want_encoder(m, TOWER_IMAGE, e));
    for (int64_t at = 0; at < n; at += m->block) {
        const int64_t here = n - at < m->block ? n - at : m->block;
        if (n > m->block) log_progress("picture %lld of %lld", (long long)at, (long long)n);
        TRY(decode_block(m, read, context, at, here, usable + at, e));
        memset(m->pixels + (size_t)here * picture_bytes(m), 0,
               (size_t)(m->block - here) * picture_bytes(m));
        TRY(encoder_set_pixels(m->encoder[TOWER_IMAGE], m->pixels, NULL, e));
        TRY(run_block(m, TOWER_IMAGE, here, e));
        for (int64_t i = 0; i < here; i++) {
            float *row = features + (at + i) * embedder_width(m);
            if (usable[at + i])
                memcpy(row, m->features + i * embedder_width(m), row_bytes);
            else
                memset(row, 0, row_bytes);
        }
    }
done:
    return rc;
}

struct part {
    const struct dataset *dataset;
    int64_t first;
};

static enum status read_sample(uint8_t *out, int size, const void *context, int64_t i,
                               struct dataset_memory *memory, struct error *e) {
    const struct part *p = context;
    return dataset_pixels(out, size, p->dataset, p->first + i, memory, e);
}

enum status embedder_images(struct embedder *m, const struct dataset *d, int64_t first, int64_t n,
                            float *features, uint8_t *usable, struct error *e) {
    const struct part part = {d, first};
    return embedder_pictures(m, read_sample, &part, n, features, usable, e);
}

/* --- Texts --- */

struct entry {
    const int32_t *ids;
    int32_t length;
    int64_t text;
};

/* Sorts by length, so that a block has texts of similar length, then by ids: equal texts are
 * neighbours. */
static int by_ids(const void *left, const void *right) {
    const struct entry *a = left, *b = right;
    if (a->length != b->length) return a->length < b->length ? -1 : 1;
    const int order = memcmp(a->ids, b->ids, (size_t)a->length * sizeof *a->ids);
    if (order) return order;
    return a->text < b->text ? -1 : a->text > b->text;
}

static bool is_same(const struct entry *a, const struct entry *b) {
    return a->length == b->length && !memcmp(a->ids, b->ids, (size_t)a->length * sizeof *a->ids);
}

/* Encodes entries [from, *end): as many as fill a block with distinct texts. */
static enum status encode_entries(struct embedder *m, const struct entry *entries, int64_t from,
                                  int64_t n, int64_t *end, int32_t *ids, int32_t *length,
                                  float *features, struct error *e) {
    enum status rc = STATUS_OK;
    const int context = m->view.architecture->context, width = embedder_width(m);
    int64_t used = 0, i = from;
    memset(ids, 0, (size_t)m->block * (size_t)context * sizeof *ids);
    memset(length, 0, (size_t)m->block * sizeof *length);
    for (; i < n; i++) {
        if (i > from && is_same(&entries[i], &entries[i - 1])) continue;
        if (used == m->block) break;
        memcpy(ids + used * context, entries[i].ids, (size_t)context * sizeof *ids);
        length[used++] = entries[i].length;
    }
    *end = i;
    TRY(encoder_set_text(m->encoder[TOWER_TEXT], ids, context, length, e));
    TRY(run_block(m, TOWER_TEXT, used, e));
    int64_t row = 0;
    for (i = from; i < *end; i++) {
        if (i > from && !is_same(&entries[i], &entries[i - 1])) row++;
        memcpy(features + entries[i].text * width, m->features + row * width,
               (size_t)width * sizeof *features);
    }
done:
    return rc;
}

enum status embedder_texts(struct embedder *m, const struct tokenizer *tokenizer,
                           const struct embedder_text *texts, int64_t n, float *features,
                           uint8_t *usable, struct error *e) {
    enum status rc = STATUS_OK;
    const int context = m->view.architecture->context;
    int32_t *ids = malloc((size_t)n * (size_t)context * sizeof *ids + 1);
    struct entry *entries = malloc((size_t)n * sizeof *entries + 1);
    int32_t *block_ids = malloc((size_t)m->block * (size_t)context * sizeof *block_ids);
    int32_t *block_length = malloc((size_t)m->block * sizeof *block_length);
    int64_t n_entries = 0;
    if (!tokenizer)
        TRY(fail(e, STATUS_BAD_ARG, "architecture %s has no text tower: no features of texts",
                 m->view.architecture->name));
    if (!ids || !entries || !block_ids || !block_length)
        TRY(fail(e, STATUS_NO_MEMORY, "no memory for the ids of %lld texts", (long long)n));
    TRY(want_encoder(m, TOWER_TEXT, e));
    memset(features, 0, (size_t)n * (size_t)embedder_width(m) * sizeof *features);
    for (int64_t i = 0; i < n; i++) {
        int length;
        rc = tokenizer_encode(tokenizer, texts[i].bytes, texts[i].n, ids + i * context, context,
                              &length, NULL, e);
        usable[i] = rc == STATUS_OK;
        if (usable[i])
            entries[n_entries++] = (struct entry){ids + i * context, (int32_t)length, i};
        else if (rc != STATUS_BAD_DATA)
            goto done;
    }
    rc = STATUS_OK;
    qsort(entries, (size_t)n_entries, sizeof *entries, by_ids);
    for (int64_t at = 0; at < n_entries;)
        TRY(encode_entries(m, entries, at, n_entries, &at, block_ids, block_length, features, e));
done:
    free(ids);
    free(entries);
    free(block_ids);
    free(block_length);
    return rc;
}
