#include "pipeline/continual/shared/reference.h"

#include "models/weights/safetensors.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"
#include "pipeline/features/embed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORMAT = 2 }; /* rises when the same key would give other features */

static const char *const tower_words[] = {"image", "text"};

struct kept {
    struct kept *next;
    enum batch_role role;
    enum tower tower;
    int64_t limit;
    struct plug_reference reference;
};

struct reference_cache {
    struct reference_config config;
    char *folder;
    struct kept *kept;
};

enum status reference_create(struct reference_cache **out, const struct reference_config *config,
                             struct error *e) {
    struct reference_cache *c = calloc(1, sizeof *c);
    *out = c;
    if (c) c->config = *config;
    if (c) c->folder = text_copy(config->folder);
    if (c && c->folder) return STATUS_OK;
    reference_destroy(out);
    return fail(e, STATUS_NO_MEMORY, "no memory for teacher features");
}

static void kept_destroy(struct kept *k) {
    if (!k) return;
    free(k->reference.sample_id);
    free(k->reference.features);
    free(k);
}

void reference_destroy(struct reference_cache **cache) {
    struct reference_cache *c = *cache;
    if (!c) return;
    while (c->kept) {
        struct kept *k = c->kept;
        c->kept = k->next;
        kept_destroy(k);
    }
    free(c->folder);
    free(c);
    *cache = NULL;
}

/* --- The key and the file --- */

/* Everything that decides the features, as a text for the file's metadata. The digest of the
 * weights covers the architecture. Its name is there for people, and must stay: without it existing
 * files would be made again. */
static enum status make_key(const struct reference_cache *c, const struct kept *k, struct text *key,
                            struct error *e) {
    enum status rc = STATUS_OK;
    const struct architecture *a = &c->config.model->architecture;
    char weights[33];
    TRY(model_digest(c->config.model, MODEL_BASE, weights, e));
    text_printf(key, "format %d; weights %s; %s tower; %s; slices of %d; device %s; limit %" PRId64,
                FORMAT, weights, tower_words[k->tower], activation_word(a->activation),
                c->config.slice_samples, c->config.backend->fingerprint, k->limit);
    if (k->tower == TOWER_IMAGE)
        text_printf(key, "; pictures of %d, patches of %d, mean %g %g %g, deviation %g %g %g",
                    a->image_size, a->patch, (double)a->mean[0], (double)a->mean[1],
                    (double)a->mean[2], (double)a->deviation[0], (double)a->deviation[1],
                    (double)a->deviation[2]);
    else
        text_printf(key, "; context %d, vocabulary %016" PRIx64, a->context,
                    tokenizer_hash(c->config.tokenizer));
    text_printf(key, "; heads %d, pool %d, causal %d, epsilon %g", a->tower[k->tower].heads,
                (int)a->tower[k->tower].pool, a->tower[k->tower].is_causal,
                (double)a->norm_epsilon);
    for (int i = 0; i < c->config.n_datasets[k->role]; i++) {
        const struct dataset *d = c->config.dataset[k->role][i];
        text_printf(key, "; source %s %016" PRIx64, dataset_name(d), dataset_digest(d));
    }
    rc = text_check(key, e);
done:
    return rc;
}

static enum status file_of_key(const struct reference_cache *c, const struct kept *k,
                               const char *key, char path[FILE_PATH_MAX], struct error *e) {
    char hex[HASH_HEX_128], name[96];
    hash_hex_128(hex, hash_128(key, strlen(key), 0));
    snprintf(name, sizeof name, "teacher-%s-%s.safetensors", tower_words[k->tower], hex);
    return file_join(path, c->folder, name, e);
}

static void content_digest(const struct plug_reference *r, char hex[HASH_HEX_64]) {
    const size_t n = (size_t)r->n;
    const uint64_t ids = hash_64(r->sample_id, n * sizeof *r->sample_id, 0);
    hash_hex_64(hex, hash_64(r->features, n * (size_t)r->width * sizeof *r->features, ids));
}

static enum status reference_alloc(struct plug_reference *r, int64_t n, int width,
                                   struct error *e) {
    r->n = n;
    r->width = width;
    r->sample_id = malloc((size_t)n * sizeof *r->sample_id + 1);
    r->features = malloc((size_t)n * (size_t)width * sizeof *r->features + 1);
    if (r->sample_id && r->features) return STATUS_OK;
    return fail(e, STATUS_NO_MEMORY, "no memory for teacher features of %lld samples",
                (long long)n);
}

/* NOT_FOUND when there is no file; BAD_DATA when it does not match the key. */
static enum status read_file(struct plug_reference *r, const char *path, const char *key, int width,
                             struct error *e) {
    enum status rc = STATUS_OK;
    struct safetensors *s = NULL;
    const struct safetensors_tensor *ids, *features;
    char digest[HASH_HEX_64];
    TRY(safetensors_open(&s, path, e));
    const char *file_key = safetensors_metadata(s, "key");
    const char *file_digest = safetensors_metadata(s, "digest");
    TRY(safetensors_get(s, "sample_id", &ids, e));
    TRY(safetensors_get(s, "features", &features, e));
    TRY(safetensors_check_shape(features, 2, (int64_t[]){ids->shape[0], width}, e));
    if (!file_key || strcmp(file_key, key) || !file_digest || ids->rank != 1 ||
        ids->type != SAFETENSORS_U64)
        TRY(fail(e, STATUS_BAD_DATA, "%s: not the teacher features its name promises", path));
    TRY(reference_alloc(r, ids->shape[0], width, e));
    TRY(safetensors_read(ids, 0, ids->n_bytes, r->sample_id, e));
    TRY(safetensors_read_f32(features, r->features, e));
    content_digest(r, digest);
    if (strcmp(digest, file_digest))
        TRY(fail(e, STATUS_BAD_DATA, "%s: digest %s; expected %s", path, digest, file_digest));
done:
    safetensors_destroy(&s);
    if (rc != STATUS_OK) {
        free(r->sample_id);
        free(r->features);
        *r = (struct plug_reference){0};
    }
    return rc;
}

static enum status write_file(const struct plug_reference *r, const char *path, const char *key,
                              struct error *e) {
    char digest[HASH_HEX_64];
    struct safetensors_tensor tensors[] = {
        {.name = "sample_id",
         .type = SAFETENSORS_U64,
         .rank = 1,
         .shape = {r->n},
         .bytes = r->sample_id},
        {.name = "features",
         .type = SAFETENSORS_F32,
         .rank = 2,
         .shape = {r->n, r->width},
         .bytes = r->features},
    };
    const struct safetensors_pair metadata[] = {{"key", key}, {"digest", digest}};
    struct safetensors_content content = {
        .tensor = tensors, .n = 2, .metadata = metadata, .n_metadata = 2};
    content_digest(r, digest);
    return safetensors_write(path, &content, e);
}

/* --- Making features --- */

/* A row while the features are gathered. */
struct row {
    uint64_t id;
    int64_t place;
};

struct gather {
    const struct reference_cache *cache;
    const struct kept *kept;
    struct embedder *embedder;
    struct row *row;
    float *features; /* (capacity, width), usable ones first */
    uint8_t *usable; /* (capacity) */
    int64_t n, capacity;
};

static enum status read_texts(const struct dataset *d, int64_t first, int64_t n, struct text *bytes,
                              struct embedder_text *texts, struct error *e) {
    enum status rc = STATUS_OK;
    struct dataset_captions captions = {0};
    struct dataset_memory memory = {0};
    text_clear(bytes);
    for (int64_t i = 0; i < n; i++) {
        texts[i].n = 0;
        rc = dataset_captions(&captions, d, first + i, &memory, e);
        if (rc == STATUS_BAD_DATA) continue;
        if (rc != STATUS_OK) goto done;
        texts[i].n = captions.caption[0].n;
        text_append_bytes(bytes, text_string(&captions.bytes) + captions.caption[0].start,
                          texts[i].n);
    }
    TRY(text_check(bytes, e));
    const char *at = text_string(bytes);
    for (int64_t i = 0; i < n; at += texts[i++].n) texts[i].bytes = at;
done:
    dataset_captions_release(&captions);
    dataset_memory_release(&memory);
    return rc;
}

/* Appends the features of samples [first, first + n); an empty text is unusable. */
static enum status embed(struct gather *g, const struct dataset *d, int64_t first, int64_t n,
                         struct error *e) {
    enum status rc = STATUS_OK;
    struct text bytes = {0};
    struct embedder_text *texts = NULL;
    float *features = g->features + g->n * embedder_width(g->embedder);
    if (g->kept->tower == TOWER_IMAGE)
        return embedder_images(g->embedder, d, first, n, features, g->usable, e);
    texts = malloc((size_t)n * sizeof *texts);
    if (!texts) return fail(e, STATUS_NO_MEMORY, "no memory for %lld texts", (long long)n);
    TRY(read_texts(d, first, n, &bytes, texts, e));
    TRY(embedder_texts(g->embedder, g->cache->config.tokenizer, texts, n, features, g->usable, e));
done:
    text_release(&bytes);
    free(texts);
    return rc;
}

/* Gathers one source in portions, until the limit is reached. */
static enum status gather_source(struct gather *g, const struct dataset *d, struct error *e) {
    enum status rc = STATUS_OK;
    const int64_t total = dataset_counts(d).samples, limit = g->kept->limit;
    const int64_t portion = (int64_t)g->cache->config.slice_samples * EMBED_SLICES * 8;
    const int width = embedder_width(g->embedder);
    for (int64_t at = 0; at < total && (limit == 0 || g->n < limit);) {
        int64_t n = total - at < portion ? total - at : portion;
        if (limit > 0 && n > limit - g->n) n = limit - g->n;
        if (total > portion)
            log_progress("teacher features of %s: %lld of %lld", dataset_name(d), (long long)at,
                         (long long)total);
        TRY(embed(g, d, at, n, e));
        const float *from = g->features + g->n * width;
        for (int64_t i = 0; i < n; i++) {
            if (!g->usable[i]) continue;
            memmove(g->features + g->n * width, from + i * width, (size_t)width * sizeof *from);
            g->row[g->n] = (struct row){dataset_sample(d, at + i).id, g->n};
            g->n++;
        }
        at += n;
    }
done:
    return rc;
}

static int by_id(const void *left, const void *right) {
    const struct row *a = left, *b = right;
    if (a->id != b->id) return a->id < b->id ? -1 : 1;
    return a->place < b->place ? -1 : a->place > b->place;
}

/* Sorts rows by id. A source listed twice gives each sample once. */
static enum status sort_rows(struct gather *g, struct plug_reference *r, struct error *e) {
    enum status rc = STATUS_OK;
    const int width = embedder_width(g->embedder);
    TRY(reference_alloc(r, g->n, width, e));
    qsort(g->row, (size_t)g->n, sizeof *g->row, by_id);
    r->n = 0;
    for (int64_t i = 0; i < g->n; i++) {
        if (i > 0 && g->row[i].id == g->row[i - 1].id) continue;
        r->sample_id[r->n] = g->row[i].id;
        memcpy(r->features + r->n++ * width, g->features + g->row[i].place * width,
               (size_t)width * sizeof *r->features);
    }
done:
    return rc;
}

static enum status make_features(const struct reference_cache *c, struct kept *k, struct error *e) {
    enum status rc = STATUS_OK;
    struct gather g = {.cache = c, .kept = k};
    const struct weights_view view = model_base_view(c->config.model);
    for (int i = 0; i < c->config.n_datasets[k->role]; i++)
        g.capacity += dataset_counts(c->config.dataset[k->role][i]).samples;
    TRY(embedder_create(&g.embedder, c->config.backend, &view, c->config.slice_samples,
                        EMBED_SLICES, e));
    const size_t width = (size_t)embedder_width(g.embedder);
    g.row = malloc((size_t)g.capacity * sizeof *g.row + 1);
    g.features = malloc((size_t)g.capacity * width * sizeof *g.features + 1);
    g.usable = malloc((size_t)g.capacity + 1);
    if (!g.row || !g.features || !g.usable)
        TRY(fail(e, STATUS_NO_MEMORY, "no memory for teacher features of %lld samples",
                 (long long)g.capacity));
    for (int i = 0; i < c->config.n_datasets[k->role]; i++)
        TRY(gather_source(&g, c->config.dataset[k->role][i], e));
    if (g.n == 0)
        TRY(fail(e, STATUS_BAD_DATA,
                 "role %s: no usable sample among %lld; expected %s; see `sapwood shards check`",
                 batch_role_name(k->role), (long long)g.capacity,
                 k->tower == TOWER_IMAGE ? "pictures" : "captions"));
    TRY(sort_rows(&g, &k->reference, e));
done:
    embedder_destroy(&g.embedder);
    free(g.row);
    free(g.features);
    free(g.usable);
    return rc;
}

static enum status load_or_make(const struct reference_cache *c, struct kept *k, struct error *e) {
    enum status rc = STATUS_OK;
    struct text key = {0};
    char path[FILE_PATH_MAX];
    TRY(make_key(c, k, &key, e));
    TRY(file_of_key(c, k, text_string(&key), path, e));
    rc = read_file(&k->reference, path, text_string(&key), c->config.model->architecture.joint, e);
    if (rc == STATUS_OK) {
        log_info("teacher features of %lld samples of %s read from %s", (long long)k->reference.n,
                 batch_role_name(k->role), path);
        goto done;
    }
    if (rc == STATUS_BAD_DATA) log_warning("%s; made again", e->text);
    if (rc != STATUS_BAD_DATA && rc != STATUS_NOT_FOUND) goto done;
    TRY(make_features(c, k, e));
    TRY(file_make_folders(c->folder, e));
    TRY(write_file(&k->reference, path, text_string(&key), e));
    log_info("teacher features of %lld samples of %s made", (long long)k->reference.n,
             batch_role_name(k->role));
done:
    text_release(&key);
    return rc;
}

/* Makes as many zero rows as there would be if every sample were usable. */
static enum status blank_features(const struct reference_cache *c, struct kept *k,
                                  struct error *e) {
    int64_t n = 0;
    for (int i = 0; i < c->config.n_datasets[k->role]; i++)
        n += dataset_counts(c->config.dataset[k->role][i]).samples;
    if (k->limit > 0 && n > k->limit) n = k->limit;
    k->reference = (struct plug_reference){.n = n,
                                           .width = c->config.model->architecture.joint,
                                           .sample_id = calloc((size_t)n + 1, sizeof(uint64_t))};
    k->reference.features =
        calloc((size_t)n * (size_t)k->reference.width + 1, sizeof *k->reference.features);
    if (k->reference.sample_id && k->reference.features) return STATUS_OK;
    return fail(e, STATUS_NO_MEMORY, "no memory for teacher features of %lld samples",
                (long long)n);
}

enum status reference_features(void *context, enum batch_role role, enum tower tower, int64_t limit,
                               const struct plug_reference **out, struct error *e) {
    enum status rc = STATUS_OK;
    struct reference_cache *c = context;
    struct kept *k = NULL;
    *out = NULL;
    for (const struct kept *i = c->kept; i; i = i->next)
        if (i->role == role && i->tower == tower && i->limit == limit) {
            *out = &i->reference;
            return rc;
        }
    if (c->config.n_datasets[role] == 0)
        return fail(e, STATUS_BAD_ARG, "data.%s: no sources; expected at least one",
                    batch_role_name(role));
    k = calloc(1, sizeof *k);
    if (!k) return fail(e, STATUS_NO_MEMORY, "no memory for teacher features");
    k->role = role;
    k->tower = tower;
    k->limit = limit;
    TRY((c->config.look_only ? blank_features : load_or_make)(c, k, e));
    k->next = c->kept;
    c->kept = k;
    *out = &k->reference;
done:
    if (rc != STATUS_OK) kept_destroy(k);
    return rc;
}
