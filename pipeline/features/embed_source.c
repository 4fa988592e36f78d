#include "pipeline/features/embed_source.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/images/image_names.h"
#include "data/shards/shard_list.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"

/* A piece of texts is large, so that texts of like length meet in a block. */
enum { PICTURES = 128, TEXTS = 4096, SAMPLES_OF_TEXTS = 1024, DEPTH_MAX = 64 };
enum { READ_BYTES = 1 << 18, LINE_BYTES_MAX = TOKENIZER_TEXT_MAX, PIECE_BYTES = 4 << 20 };

enum kind { SHARDS, FOLDER, FILE_LIST, TEXT_LINES };

/* Names of a folder that is being walked. */
struct level {
    char path[FILE_PATH_MAX]; /* below the place; "" for the place itself */
    struct file_list names;
    int next;
};

struct embed_source {
    struct embed_source_params params;
    enum kind kind;
    struct embed_piece piece;
    /* SHARDS */
    struct shard_list shards;
    int shard;
    struct dataset *dataset;
    int64_t first, next; /* samples: of the piece, and behind it */
    struct dataset_memory memory;
    struct dataset_captions captions;
    /* FOLDER */
    struct level *level;
    int depth;
    /* FILE_LIST, TEXT_LINES */
    struct file *file;
    uint64_t file_bytes, offset;
    char *buffer; /* READ_BYTES */
    size_t at, filled;
    char folder[FILE_PATH_MAX]; /* that paths are relative to */
    /* texts or paths of the piece */
    struct text bytes;
    struct embedder_text *row;
    size_t *start;
    int64_t n_rows, capacity;
    uint8_t *usable;
};

bool embed_source_is_picture(const char *name) {
    return image_names_has_path(name);
}

static enum status no_memory(const struct embed_source *s, struct error *e) {
    return fail(e, STATUS_NO_MEMORY, "%s: no memory for a piece of it", s->params.place);
}

/* --- Lines --- */

static enum status lines_open(struct embed_source *s, const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    TRY(file_open(&s->file, path, e));
    TRY(file_size(s->file, &s->file_bytes, e));
    TRY(file_parent(s->folder, path, e));
    s->buffer = malloc(READ_BYTES);
    if (!s->buffer) TRY(no_memory(s, e));
done:
    return rc;
}

/* Appends the next line to out, without its end; of a line longer than LINE_BYTES_MAX one byte more
 * than that, which no reader takes. END after the last. */
static enum status lines_next(struct embed_source *s, struct text *out, struct error *e) {
    size_t n = 0;
    for (bool is_begun = false;; is_begun = true) {
        if (s->at == s->filled) {
            const uint64_t left = s->file_bytes - s->offset;
            if (left == 0) return is_begun ? STATUS_OK : STATUS_END;
            s->filled = left < READ_BYTES ? (size_t)left : READ_BYTES;
            s->at = 0;
            const enum status rc = file_pread(s->file, s->buffer, s->filled, s->offset, e);
            if (rc != STATUS_OK) return rc;
            s->offset += s->filled;
        }
        const char *from = s->buffer + s->at;
        const char *end = memchr(from, '\n', s->filled - s->at);
        const size_t found = end ? (size_t)(end - from) : s->filled - s->at;
        const size_t room = LINE_BYTES_MAX + 1 - n, taken = found < room ? found : room;
        text_append_bytes(out, from, taken);
        n += taken;
        s->at += found + (end ? 1 : 0);
        if (end) return STATUS_OK;
    }
}

/* --- Folders --- */

static enum status level_push(struct embed_source *s, const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    char full[FILE_PATH_MAX];
    if (s->depth == DEPTH_MAX)
        return fail(e, STATUS_BAD_ARG, "%s: %.200s: folders deeper than %d", s->params.place, path,
                    DEPTH_MAX);
    struct level *l = &s->level[s->depth];
    memset(l, 0, sizeof *l);
    memcpy(l->path, path, strlen(path) + 1);
    TRY(file_join(full, s->folder, path, e));
    TRY(file_list_read(&l->names, full, e));
    s->depth++;
done:
    return rc;
}

/* Appends the path, below the place, of the next picture file. */
static enum status folder_next(struct embed_source *s, struct text *out, struct error *e) {
    enum status rc = STATUS_OK;
    char path[FILE_PATH_MAX], full[FILE_PATH_MAX];
    while (s->depth > 0) {
        struct level *l = &s->level[s->depth - 1];
        if (l->next == l->names.n) {
            file_list_release(&l->names);
            s->depth--;
            continue;
        }
        const char *name = l->names.name[l->next++];
        TRY(file_join(path, l->path, name, e));
        TRY(file_join(full, s->folder, path, e));
        if (file_is_folder(full)) {
            TRY(level_push(s, path, e));
        } else if (embed_source_is_picture(name)) {
            text_append(out, path);
            return STATUS_OK;
        }
    }
    return STATUS_END;
done:
    return rc;
}

/* --- Pieces --- */

static void piece_clear(struct embed_source *s) {
    text_clear(&s->bytes);
    text_clear(&s->piece.keys);
    s->n_rows = 0;
    s->piece.n_items = s->piece.n_rows = 0;
}

/* A row whose text is what was appended to bytes from start on. */
static enum status add_row(struct embed_source *s, size_t start, struct error *e) {
    if (s->n_rows == s->capacity) {
        const int64_t capacity = s->capacity ? 2 * s->capacity : 256;
        void *row = realloc(s->row, (size_t)capacity * sizeof *s->row);
        if (row) s->row = row;
        void *starts = row ? realloc(s->start, (size_t)capacity * sizeof *s->start) : NULL;
        if (starts) s->start = starts;
        void *usable = starts ? realloc(s->usable, (size_t)capacity) : NULL;
        if (!usable) return no_memory(s, e);
        s->usable = usable;
        s->capacity = capacity;
    }
    s->start[s->n_rows] = start;
    s->row[s->n_rows++].n = s->bytes.n - start;
    return STATUS_OK;
}

/* One line of the keys. */
static void add_key(struct embed_source *s, const char *key, size_t n) {
    struct text *keys = &s->piece.keys;
    const size_t from = keys->n;
    text_append_bytes(keys, key, n);
    for (size_t i = from; i < keys->n; i++)
        if (keys->bytes[i] == '\n' || keys->bytes[i] == 0) keys->bytes[i] = ' ';
    text_append_char(keys, '\n');
}

/* Texts of a file, or paths of pictures. */
static enum status next_lines(struct embed_source *s, struct error *e) {
    enum status rc = STATUS_OK;
    const int64_t most = s->params.is_texts ? TEXTS : PICTURES;
    while (s->n_rows < most && s->bytes.n < PIECE_BYTES) {
        const size_t start = s->bytes.n;
        rc = s->kind == FOLDER ? folder_next(s, &s->bytes, e) : lines_next(s, &s->bytes, e);
        if (rc == STATUS_END) break;
        if (rc != STATUS_OK) return rc;
        if (s->bytes.n > start && s->bytes.bytes[s->bytes.n - 1] == '\r')
            s->bytes.bytes[--s->bytes.n] = 0;
        if (s->kind == FILE_LIST && s->bytes.n == start) continue;
        TRY(add_row(s, start, e));
        add_key(s, text_string(&s->bytes) + start, s->bytes.n - start);
    }
    s->piece.n_items = s->n_rows;
    rc = s->n_rows > 0 ? STATUS_OK : STATUS_END;
done:
    return rc;
}

static enum status add_captions(struct embed_source *s, int64_t i, struct error *e) {
    enum status rc = dataset_captions(&s->captions, s->dataset, i, &s->memory, e);
    const char *key = dataset_sample(s->dataset, i).key;
    if (rc == STATUS_BAD_DATA) {
        log_debug("%s", e->text);
        s->captions.n = 0;
        rc = add_row(s, s->bytes.n, e);
        add_key(s, key, strlen(key));
    }
    if (rc != STATUS_OK) return rc;
    for (int c = 0; c < s->captions.n; c++) {
        const size_t start = s->bytes.n;
        text_append_bytes(&s->bytes, text_string(&s->captions.bytes) + s->captions.caption[c].start,
                          s->captions.caption[c].n);
        rc = add_row(s, start, e);
        if (rc != STATUS_OK) return rc;
        add_key(s, key, strlen(key));
    }
    return STATUS_OK;
}

static enum status open_shard(struct embed_source *s, struct error *e) {
    enum status rc = STATUS_OK;
    const struct dataset_source source = {.name = "input",
                                          .shards = s->shards.path[s->shard],
                                          .cache = s->params.cache,
                                          .rule = s->params.rule,
                                          .captions = s->params.captions,
                                          .caption_field = s->params.caption_field};
    TRY(dataset_open(&s->dataset, &source, e));
    const uint64_t digest = dataset_digest(s->dataset);
    s->piece.digest = hash_64(&digest, sizeof digest, s->piece.digest);
    s->shard++;
    s->next = 0;
done:
    return rc;
}

/* A piece never crosses a shard. */
static enum status next_samples(struct embed_source *s, struct error *e) {
    enum status rc = STATUS_OK;
    const int64_t most = s->params.is_texts ? SAMPLES_OF_TEXTS : PICTURES;
    while (!s->dataset || s->next == dataset_counts(s->dataset).samples) {
        dataset_close(&s->dataset);
        if (s->shard == s->shards.n) return STATUS_END;
        TRY(open_shard(s, e));
    }
    const int64_t left = dataset_counts(s->dataset).samples - s->next;
    const int64_t n = left < most ? left : most;
    s->first = s->next;
    s->next += n;
    s->piece.n_items = n;
    for (int64_t i = s->first; i < s->next; i++) {
        if (s->params.is_texts) {
            TRY(add_captions(s, i, e));
        } else {
            const char *key = dataset_sample(s->dataset, i).key;
            TRY(add_row(s, 0, e));
            add_key(s, key, strlen(key));
        }
    }
done:
    return rc;
}

enum status embed_source_next(struct embed_source *s, const struct embed_piece **piece,
                              struct error *e) {
    enum status rc = STATUS_OK;
    struct embed_piece *p = &s->piece;
    piece_clear(s);
    *piece = p;
    rc = s->kind == SHARDS ? next_samples(s, e) : next_lines(s, e);
    if (rc != STATUS_OK) return rc;
    TRY(text_check(&s->bytes, e));
    TRY(text_check(&p->keys, e));
    p->n_rows = s->n_rows;
    p->digest = hash_64(text_string(&p->keys), p->keys.n, p->digest);
    for (int64_t i = 0; i < s->n_rows; i++) s->row[i].bytes = text_string(&s->bytes) + s->start[i];
done:
    return rc;
}

static enum status read_file(uint8_t *out, int size, const void *context, int64_t i,
                             struct dataset_memory *memory, struct error *e) {
    const struct embed_source *s = context;
    char name[FILE_PATH_MAX], path[FILE_PATH_MAX];
    if (s->row[i].n >= sizeof name)
        return fail(e, STATUS_BAD_ARG, "%s: a path of %zu bytes; expected at most %zu",
                    s->params.place, s->row[i].n, sizeof name - 1);
    memcpy(name, s->row[i].bytes, s->row[i].n);
    name[s->row[i].n] = 0;
    const enum status rc = file_join(path, s->folder, name, e);
    return rc == STATUS_OK ? dataset_file_pixels(out, size, path, s->params.rule, memory, e)
                           : rc;
}

enum status embed_source_features(struct embed_source *s, struct embedder *m,
                                  const struct tokenizer *tokenizer, float *features,
                                  int64_t *n_unusable, struct error *e) {
    enum status rc = STATUS_OK;
    const int64_t width = embedder_width(m);
    if (s->params.is_texts)
        TRY(embedder_texts(m, tokenizer, s->row, s->n_rows, features, s->usable, e));
    else if (s->kind == SHARDS)
        TRY(embedder_images(m, s->dataset, s->first, s->n_rows, features, s->usable, e));
    else
        TRY(embedder_pictures(m, read_file, s, s->n_rows, features, s->usable, e));
    *n_unusable = 0;
    for (int64_t i = 0; i < s->n_rows; i++) {
        if (s->usable[i]) continue;
        ++*n_unusable;
        for (int64_t k = 0; k < width; k++) features[i * width + k] = NAN;
    }
done:
    return rc;
}

int64_t embed_source_rows_max(const struct embed_source *s) {
    if (!s->params.is_texts) return PICTURES;
    if (s->kind == TEXT_LINES) return TEXTS;
    const int per_sample =
        s->params.captions == CAPTION_LINES || s->params.caption_field ? DATASET_CAPTIONS_MAX : 1;
    return (int64_t)SAMPLES_OF_TEXTS * per_sample;
}

/* --- Opening --- */

static bool has_shards(const char *folder) {
    struct file_list names = {0};
    bool found = false;
    if (file_list_read(&names, folder, NULL) != STATUS_OK) return true; /* opening says why */
    for (int i = 0; i < names.n; i++) found = found || text_ends_with(names.name[i], ".tar");
    file_list_release(&names);
    return found;
}

/* Whether the first line of a list names a picture. */
static enum status lists_pictures(struct embed_source *s, bool *is, struct error *e) {
    enum status rc = STATUS_OK;
    struct text line = {0};
    TRY(lines_open(s, s->params.place, e));
    rc = lines_next(s, &line, e);
    if (rc != STATUS_OK && rc != STATUS_END) goto done;
    rc = text_check(&line, e);
    if (line.n && line.bytes[line.n - 1] == '\r') line.bytes[line.n - 1] = 0;
    *is = embed_source_is_picture(text_string(&line));
    s->at = s->filled = 0;
    s->offset = 0;
done:
    text_release(&line);
    return rc;
}

static enum status choose_kind(struct embed_source *s, struct error *e) {
    enum status rc = STATUS_OK;
    const char *place = s->params.place;
    bool is_list = false;
    s->kind = SHARDS;
    if (s->params.is_texts) {
        if (text_ends_with(place, ".txt")) {
            s->kind = TEXT_LINES;
            TRY(lines_open(s, place, e));
        }
    } else if (file_is_folder(place) && !has_shards(place)) {
        s->kind = FOLDER;
    } else if (text_ends_with(place, ".txt")) {
        TRY(lists_pictures(s, &is_list, e));
        if (is_list) s->kind = FILE_LIST;
    } else if (embed_source_is_picture(place)) {
        TRY(file_parent(s->folder, place, e));
        s->kind = FILE_LIST;
    }
done:
    return rc;
}

static enum status check_shards(struct embed_source *s, struct error *e) {
    enum status rc = shard_list_expand(&s->shards, s->params.place, e);
    for (int i = 0; rc == STATUS_OK && i < s->shards.n; i++)
        if (!file_exists(s->shards.path[i]))
            rc = fail(e, STATUS_NOT_FOUND, "%s: not there; expected a shard, a folder or a list",
                      s->shards.path[i]);
    return rc;
}

/* A single picture is a list of one line. */
static enum status single_picture(struct embed_source *s, struct error *e) {
    const char *name = file_base_name(s->params.place);
    s->buffer = malloc(FILE_PATH_MAX);
    if (!s->buffer) return no_memory(s, e);
    s->filled = strlen(name);
    memcpy(s->buffer, name, s->filled);
    return STATUS_OK;
}

enum status embed_source_open(struct embed_source **out, const struct embed_source_params *params,
                              struct error *e) {
    enum status rc = STATUS_OK;
    struct embed_source *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s) return fail(e, STATUS_NO_MEMORY, "%s: no memory", params->place);
    s->params = *params;
    TRY(choose_kind(s, e));
    if (s->kind == SHARDS) TRY(check_shards(s, e));
    if (s->kind == FILE_LIST && !s->file) TRY(single_picture(s, e));
    if (s->kind == FOLDER) {
        s->level = malloc(DEPTH_MAX * sizeof *s->level);
        if (!s->level) TRY(no_memory(s, e));
        TRY(file_join(s->folder, ".", params->place, e));
        TRY(level_push(s, "", e));
    }
done:
    if (rc != STATUS_OK) embed_source_close(&s);
    *out = s;
    return rc;
}

void embed_source_close(struct embed_source **source) {
    struct embed_source *s = *source;
    if (!s) return;
    shard_list_release(&s->shards);
    dataset_close(&s->dataset);
    dataset_memory_release(&s->memory);
    dataset_captions_release(&s->captions);
    while (s->depth > 0) file_list_release(&s->level[--s->depth].names);
    free(s->level);
    file_destroy(&s->file);
    free(s->buffer);
    text_release(&s->bytes);
    text_release(&s->piece.keys);
    free(s->row);
    free(s->start);
    free(s->usable);
    free(s);
    *source = NULL;
}
