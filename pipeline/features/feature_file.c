#include "pipeline/features/feature_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/weights/safetensors.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/json.h"
#include "pipeline/base/json_write.h"
#include "pipeline/features/npy.h"

enum { NPY_HEADER = 128, SAFETENSORS_HEADER = 512, STATE_BYTES_MAX = 1 << 20 };
static const char tensor_name[] = "features";

/* --- Writing --- */

struct feature_writer {
    char path[FILE_PATH_MAX], folder[FILE_PATH_MAX];
    char rows_path[FILE_PATH_MAX], keys_path[FILE_PATH_MAX], state_path[FILE_PATH_MAX];
    bool is_npy;
    int width;
    struct text facts; /* as JSON */
    struct file *lock, *rows, *keys;
    uint64_t keys_bytes;
    bool is_complete; /* rows and keys are complete; only the renames are missing */
};

static uint64_t header_bytes(const struct feature_writer *w) {
    return w->is_npy ? NPY_HEADER : SAFETENSORS_HEADER;
}

static uint64_t rows_bytes(const struct feature_writer *w, int64_t rows) {
    return header_bytes(w) + (uint64_t)rows * (uint64_t)w->width * sizeof(float);
}

static enum status beside(char out[FILE_PATH_MAX], const char *path, const char *end,
                          struct error *e) {
    const int n = snprintf(out, FILE_PATH_MAX, "%s%s", path, end);
    return n < FILE_PATH_MAX ? STATUS_OK : fail(e, STATUS_BAD_ARG, "%.200s: path too long", path);
}

static enum status write_state(const struct feature_writer *w, const struct feature_progress *p,
                               const char *path, struct error *e) {
    struct json_writer j = {.indent = 2};
    char digest[HASH_HEX_64];
    hash_hex_64(digest, p->digest);
    json_write_object_begin(&j);
    json_write_name(&j, "facts");
    json_write_raw(&j, text_string(&w->facts));
    json_write_name(&j, "items");
    json_write_int(&j, p->items);
    json_write_name(&j, "digest");
    json_write_text(&j, digest);
    json_write_name(&j, "rows");
    json_write_int(&j, p->rows);
    json_write_name(&j, "width");
    json_write_int(&j, w->width);
    json_write_name(&j, "unusable");
    json_write_int(&j, p->unusable);
    json_write_name(&j, "keys_bytes");
    json_write_int(&j, (int64_t)w->keys_bytes);
    json_write_name(&j, "complete");
    json_write_bool(&j, w->is_complete);
    json_write_object_end(&j);
    text_append_char(&j.text, '\n');
    enum status rc = text_check(&j.text, e);
    if (rc == STATUS_OK) rc = file_write_all(path, j.text.bytes, j.text.n, e);
    text_release(&j.text);
    return rc;
}

static enum status write_facts(struct feature_writer *w, const struct feature_fact *facts,
                               int n_facts, struct error *e) {
    struct json_writer j = {0};
    json_write_object_begin(&j);
    for (int i = 0; i < n_facts; i++) {
        json_write_name(&j, facts[i].name);
        json_write_text(&j, facts[i].value);
    }
    json_write_object_end(&j);
    w->facts = j.text;
    return text_check(&w->facts, e);
}

/* Reports the first fact that differs from the state's. */
static enum status compare_facts(const struct json *state, const struct feature_fact *facts,
                                 int n_facts, struct error *e) {
    enum status rc = STATUS_OK;
    const struct json *found;
    const char *value;
    TRY(json_member(state, "facts", &found, e));
    for (int i = 0; i < n_facts; i++) {
        TRY(json_text(found, facts[i].name, &value, e));
        if (strcmp(value, facts[i].value))
            TRY(fail(e, STATUS_MISMATCH, "%s is another; expected %.200s, found %.200s",
                     facts[i].name, value, facts[i].value));
    }
done:
    return rc;
}

/* NOT_FOUND when there is no state yet. */
static enum status read_state(struct feature_writer *w, const char *path,
                              const struct feature_fact *facts, int n_facts,
                              struct feature_progress *p, struct error *e) {
    enum status rc = STATUS_OK;
    struct json_document *d = NULL;
    const char *digest;
    int64_t width, keys_bytes;
    TRY(json_read(&d, path, STATE_BYTES_MAX, e));
    const struct json *root = json_root(d);
    TRY(compare_facts(root, facts, n_facts, e));
    TRY(json_int(root, "items", 0, INT64_MAX, &p->items, e));
    TRY(json_text(root, "digest", &digest, e));
    p->digest = strtoull(digest, NULL, 16);
    TRY(json_int(root, "rows", 0, INT64_MAX, &p->rows, e));
    TRY(json_int(root, "width", w->width, w->width, &width, e));
    TRY(json_int(root, "unusable", 0, INT64_MAX, &p->unusable, e));
    TRY(json_int(root, "keys_bytes", 0, INT64_MAX, &keys_bytes, e));
    w->keys_bytes = (uint64_t)keys_bytes;
    TRY(json_bool(root, "complete", &w->is_complete, e));
done:
    json_destroy(&d);
    return rc;
}

static enum status make_paths(struct feature_writer *w, const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    w->is_npy = text_ends_with(path, ".npy");
    if (!w->is_npy && !text_ends_with(path, ".safetensors"))
        TRY(fail(e, STATUS_BAD_ARG, "%s: expected a name that ends with .npy or .safetensors",
                 path));
    TRY(beside(w->path, path, "", e));
    TRY(beside(w->folder, path, ".partial", e));
    TRY(file_join(w->rows_path, w->folder, "rows", e));
    TRY(file_join(w->keys_path, w->folder, "keys", e));
    TRY(file_join(w->state_path, w->folder, "state.json", e));
done:
    return rc;
}

/* Begins a file that is only room for the header. */
static enum status begin_new(struct feature_writer *w, struct error *e) {
    enum status rc = STATUS_OK;
    static const char zeros[SAFETENSORS_HEADER];
    TRY(file_remove(w->rows_path, e));
    TRY(file_remove(w->keys_path, e));
    TRY(file_append_open(&w->rows, w->rows_path, e));
    TRY(file_append_open(&w->keys, w->keys_path, e));
    TRY(file_write(w->rows, zeros, header_bytes(w), e));
done:
    return rc;
}

static enum status go_on(struct feature_writer *w, const struct feature_progress *p,
                         struct error *e) {
    enum status rc = STATUS_OK;
    if (w->is_complete) return rc;
    TRY(file_cut(w->rows_path, rows_bytes(w, p->rows), e));
    TRY(file_cut(w->keys_path, w->keys_bytes, e));
    TRY(file_append_open(&w->rows, w->rows_path, e));
    TRY(file_append_open(&w->keys, w->keys_path, e));
done:
    return rc;
}

/* For a finished file of this name: END if it is what would be made. */
static enum status look_at_finished(struct feature_writer *w, const struct feature_fact *facts,
                                    int n_facts, struct feature_progress *p, struct error *e) {
    char path[FILE_PATH_MAX];
    struct error reason = {.status = STATUS_OK};
    enum status rc = beside(path, w->path, ".json", e);
    if (rc != STATUS_OK) return rc;
    rc = read_state(w, path, facts, n_facts, p, &reason);
    if (rc == STATUS_OK) {
        file_remove_tree(w->folder, &reason);
        return STATUS_END;
    }
    return fail(e, STATUS_BAD_ARG, "%s exists already, and was not made by the same "
                                   "command (%.300s); "
                                   "remove it or choose another name",
                w->path, reason.text);
}

enum status feature_writer_open(struct feature_writer **out, const char *path, int width,
                                const struct feature_fact *facts, int n_facts,
                                struct feature_progress *p, struct error *e) {
    enum status rc = STATUS_OK;
    char lock[FILE_PATH_MAX];
    struct feature_writer *w = calloc(1, sizeof *w);
    *p = (struct feature_progress){0};
    *out = NULL;
    if (!w) return fail(e, STATUS_NO_MEMORY, "%s: no memory", path);
    w->width = width;
    TRY(make_paths(w, path, e));
    TRY(write_facts(w, facts, n_facts, e));
    /* A kill between the last removals leaves a folder without a state. */
    if (file_exists(w->path) && !file_exists(w->state_path))
        TRY(look_at_finished(w, facts, n_facts, p, e));
    TRY(file_make_folders(w->folder, e));
    TRY(file_join(lock, w->folder, "lock", e));
    TRY(file_lock(&w->lock, lock, e));
    rc = read_state(w, w->state_path, facts, n_facts, p, e);
    if (rc == STATUS_NOT_FOUND) {
        TRY(begin_new(w, e));
        goto done;
    }
    if (rc != STATUS_OK) {
        error_context(e, "%s was begun by another command; run that, or remove the folder to start "
                         "over",
                      w->folder);
        goto done;
    }
    TRY(go_on(w, p, e));
done:
    if (rc != STATUS_OK) feature_writer_close(&w);
    *out = w;
    return rc;
}

enum status feature_writer_add(struct feature_writer *w, const float *rows, int64_t n,
                               const struct text *keys, struct error *e) {
    enum status rc = STATUS_OK;
    TRY(file_write(w->rows, rows, (size_t)n * (size_t)w->width * sizeof *rows, e));
    TRY(file_write(w->keys, text_string(keys), keys->n, e));
    w->keys_bytes += keys->n;
done:
    return rc;
}

enum status feature_writer_save(struct feature_writer *w, const struct feature_progress *p,
                                struct error *e) {
    enum status rc = STATUS_OK;
    if (w->rows) TRY(file_sync(w->rows, e));
    if (w->keys) TRY(file_sync(w->keys, e));
    TRY(write_state(w, p, w->state_path, e));
done:
    return rc;
}

static enum status npy_header(struct text *out, const struct feature_writer *w, int64_t rows,
                              struct error *e) {
    const int n = NPY_HEADER - 10;
    text_append_bytes(out, "\x93NUMPY\1\0", 8);
    text_append_char(out, (char)(n & 255));
    text_append_char(out, (char)(n >> 8));
    text_printf(out, "{'descr': '<f4', 'fortran_order': False, 'shape': (%" PRId64 ", %d), }", rows,
                w->width);
    while (out->n < NPY_HEADER - 1 && !out->failed) text_append_char(out, ' ');
    text_append_char(out, '\n');
    return text_check(out, e);
}

/* The header of safetensors_header, padded with more spaces at its end. */
static enum status safetensors_padded(struct text *out, const struct feature_writer *w,
                                      int64_t rows, struct error *e) {
    struct safetensors_tensor t = {.name = tensor_name,
                                   .type = SAFETENSORS_F32,
                                   .rank = 2,
                                   .shape = {rows, w->width},
                                   .bytes = tensor_name}; /* the header does not read it */
    struct safetensors_content content = {.tensor = &t, .n = 1};
    const enum status rc = safetensors_header(&content, out, e);
    if (rc != STATUS_OK) return rc;
    CHECK(out->n <= SAFETENSORS_HEADER);
    while (out->n < SAFETENSORS_HEADER && !out->failed) text_append_char(out, ' ');
    if (out->failed) return text_check(out, e);
    const uint64_t n = SAFETENSORS_HEADER - 8;
    for (int i = 0; i < 8; i++) out->bytes[i] = (char)(n >> 8 * i & 255);
    return STATUS_OK;
}

static enum status rename_if_there(const char *from, const char *to, struct error *e) {
    return file_exists(from) ? file_rename(from, to, e) : STATUS_OK;
}

enum status feature_writer_finish(struct feature_writer *w, const struct feature_progress *p,
                                  struct error *e) {
    enum status rc = STATUS_OK;
    struct text header = {0};
    char path[FILE_PATH_MAX], parent[FILE_PATH_MAX];
    if (!w->is_complete) {
        TRY(w->is_npy ? npy_header(&header, w, p->rows, e)
                      : safetensors_padded(&header, w, p->rows, e));
        TRY(file_patch(w->rows_path, header.bytes, header.n, 0, e));
        w->is_complete = true;
        TRY(feature_writer_save(w, p, e));
        TRY(file_close(&w->rows, e));
        TRY(file_close(&w->keys, e));
    }
    TRY(beside(path, w->path, ".json", e));
    TRY(write_state(w, p, path, e));
    TRY(beside(path, w->path, ".keys.txt", e));
    TRY(rename_if_there(w->keys_path, path, e));
    TRY(rename_if_there(w->rows_path, w->path, e));
    TRY(file_parent(parent, w->path, e));
    TRY(file_sync_folder(parent, e));
    file_destroy(&w->lock);
    TRY(file_remove_tree(w->folder, e));
done:
    text_release(&header);
    return rc;
}

void feature_writer_close(struct feature_writer **writer) {
    struct feature_writer *w = *writer;
    if (!w) return;
    file_destroy(&w->rows);
    file_destroy(&w->keys);
    file_destroy(&w->lock);
    text_release(&w->facts);
    free(w);
    *writer = NULL;
}

/* --- Reading --- */

struct feature_file {
    struct file_map map;              /* of a .npy */
    struct safetensors *safetensors;
    struct safetensors_tensor tensor; /* all rows, whatever the file is */
    struct json_document *about; /* FILE.json, or NULL */
    struct file_map keys;
    int64_t *key; /* (rows + 1) where each begins; NULL: no keys */
};

static enum status read_npy(struct feature_file *f, const char *path, struct error *e) {
    static const enum safetensors_type types[NPY_TYPES] = {
        [NPY_F16] = SAFETENSORS_F16, [NPY_F32] = SAFETENSORS_F32, [NPY_F64] = SAFETENSORS_F64};
    enum status rc = STATUS_OK;
    struct npy array;
    TRY(npy_parse(&array, f->map.bytes, f->map.n, e));
    const bool is_float =
        array.type == NPY_F16 || array.type == NPY_F32 || array.type == NPY_F64;
    if (!is_float || array.rank != 2 || array.shape[1] == 0)
        TRY(fail(e, STATUS_BAD_DATA, "expected floats in two dimensions (rows, width)"));
    f->tensor = (struct safetensors_tensor){.type = types[array.type],
                                            .rank = 2,
                                            .shape = {array.shape[0], array.shape[1]},
                                            .bytes = array.bytes};
done:
    if (rc != STATUS_OK) error_context(e, "%s", path);
    return rc;
}

static bool is_float(enum safetensors_type type) {
    return type == SAFETENSORS_F64 || type == SAFETENSORS_F32 || type == SAFETENSORS_F16 ||
           type == SAFETENSORS_BF16;
}

static enum status read_safetensors(struct feature_file *f, const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    TRY(safetensors_open(&f->safetensors, path, e));
    const struct safetensors_tensor *t = safetensors_find(f->safetensors, tensor_name);
    if (!t && safetensors_count(f->safetensors) == 1) t = safetensors_at(f->safetensors, 0);
    if (!t || t->rank != 2 || t->shape[1] == 0 || !is_float(t->type))
        TRY(fail(e, STATUS_BAD_DATA, "%s: no tensor \"features\" of floats (rows, width)", path));
    f->tensor = *t;
done:
    return rc;
}

static enum status read_keys(struct feature_file *f, const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    const int64_t rows = feature_file_rows(f);
    char name[FILE_PATH_MAX];
    int64_t n = 0;
    TRY(beside(name, path, ".keys.txt", e));
    if (!file_exists(name)) goto done;
    TRY(file_map_open(&f->keys, name, e));
    f->key = malloc(((size_t)rows + 1) * sizeof *f->key);
    if (!f->key) TRY(fail(e, STATUS_NO_MEMORY, "%s: no memory for its keys", path));
    f->key[0] = 0;
    for (size_t at = 0; at < f->keys.n; n++) {
        const uint8_t *end = memchr(f->keys.bytes + at, '\n', f->keys.n - at);
        at = end ? (size_t)(end - f->keys.bytes) + 1 : f->keys.n + 1;
        if (n < rows) f->key[n + 1] = (int64_t)at;
    }
    if (n != rows)
        TRY(fail(e, STATUS_BAD_DATA, "%s: %lld keys; expected %lld, one for each row of %s", name,
                 (long long)n, (long long)rows, path));
done:
    return rc;
}

static enum status read_about(struct feature_file *f, const char *path, struct error *e) {
    char name[FILE_PATH_MAX];
    enum status rc = beside(name, path, ".json", e);
    if (rc != STATUS_OK || !file_exists(name)) return rc;
    return json_read(&f->about, name, STATE_BYTES_MAX, e);
}

enum status feature_file_open(struct feature_file **out, const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    struct feature_file *f = calloc(1, sizeof *f);
    *out = NULL;
    if (!f) return fail(e, STATUS_NO_MEMORY, "%s: no memory", path);
    TRY(file_map_open(&f->map, path, e));
    if (npy_is(f->map.bytes, f->map.n))
        TRY(read_npy(f, path, e));
    else if (text_ends_with(path, ".safetensors"))
        TRY(read_safetensors(f, path, e));
    else
        TRY(fail(e, STATUS_BAD_DATA, "%s: neither .npy nor .safetensors", path));
    TRY(read_keys(f, path, e));
    TRY(read_about(f, path, e));
done:
    if (rc != STATUS_OK) feature_file_close(&f);
    *out = f;
    return rc;
}

void feature_file_close(struct feature_file **file) {
    struct feature_file *f = *file;
    if (!f) return;
    file_map_close(&f->map);
    file_map_close(&f->keys);
    json_destroy(&f->about);
    safetensors_destroy(&f->safetensors);
    free(f->key);
    free(f);
    *file = NULL;
}

int64_t feature_file_rows(const struct feature_file *f) {
    return f->tensor.shape[0];
}

int64_t feature_file_width(const struct feature_file *f) {
    return f->tensor.shape[1];
}

enum status feature_file_read(const struct feature_file *f, int64_t first, int64_t n, float *out,
                              struct error *e) {
    const int64_t width = feature_file_width(f);
    CHECK(first >= 0 && n >= 0 && first + n <= feature_file_rows(f));
    const struct safetensors_tensor part = safetensors_piece(&f->tensor, first * width, n * width);
    return safetensors_read_f32(&part, out, e);
}

const char *feature_file_fact(const struct feature_file *f, const char *name) {
    const struct json *fact = f->about ? json_find(json_find(json_root(f->about), "facts"), name)
                                       : NULL;
    return fact && fact->kind == JSON_TEXT ? fact->text : NULL;
}

const char *feature_file_key(const struct feature_file *f, int64_t row, char room[24], size_t *n) {
    if (f->key) {
        *n = (size_t)(f->key[row + 1] - f->key[row] - 1);
        return (const char *)f->keys.bytes + f->key[row];
    }
    *n = (size_t)snprintf(room, 24, "%" PRId64, row);
    return room;
}
