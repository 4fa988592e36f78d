/* The writing half of checkpoint.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pipeline/base/hash.h"
#include "pipeline/base/json_write.h"
#include "pipeline/run/checkpoint.h"
#include "pipeline/run/checkpoint_list.h"

enum { FILES_MAX = 256 };

struct checkpoint_writer {
    char run[FILE_PATH_MAX];
    char folder[FILE_PATH_MAX]; /* the temporary one */
    int64_t step;
    bool failed;
    int n_files;
    struct {
        char *name;
        uint64_t size;
        uint32_t crc;
    } file[FILES_MAX];
};

enum status checkpoint_lock(struct file **lock, const char *run, struct error *e) {
    enum status rc = STATUS_OK;
    struct file_list names = {0};
    char path[FILE_PATH_MAX], folder[FILE_PATH_MAX];
    struct error ignored;
    *lock = NULL;
    TRY(checkpoint_list_folder(folder, run, e));
    TRY(file_make_folders(folder, e));
    TRY(file_join(path, run, "run.lock", e));
    TRY(file_lock(lock, path, e));
    /* Under the lock all .tmp_* are ours. */
    TRY(file_list_read(&names, folder, e));
    for (int i = 0; i < names.n; i++) {
        if (!text_starts_with(names.name[i], ".tmp_")) continue;
        TRY(file_join(path, folder, names.name[i], e));
        TRY(file_remove_tree(path, e));
    }
    /* A killed process may have created the names without syncing them. */
    TRY(file_sync_folder(run, e));
    TRY(file_parent(path, run, e));
    (void)file_sync_folder(path, &ignored); /* no harm if the folder may not be read */
done:
    file_list_release(&names);
    if (rc != STATUS_OK) file_destroy(lock);
    return rc;
}

enum status checkpoint_begin(struct checkpoint_writer **out, const char *run, int64_t step,
                             struct error *e) {
    enum status rc = STATUS_OK;
    char prefix[40], checkpoints[FILE_PATH_MAX];
    struct checkpoint_writer *w = calloc(1, sizeof *w);
    *out = NULL;
    if (!w) return fail(e, STATUS_NO_MEMORY, "checkpoint step %" PRId64 ": no memory", step);
    CHECK(step >= 0);
    w->step = step;
    TRY(file_join(w->run, "", run, e));
    snprintf(prefix, sizeof prefix, ".tmp_%ld_", (long)getpid());
    TRY(checkpoint_list_path(w->folder, run, prefix, step, e));
    TRY(file_remove_tree(w->folder, e));
    TRY(checkpoint_list_folder(checkpoints, run, e));
    TRY(file_make_folders(checkpoints, e));
    TRY(file_make_folder(w->folder, e)); /* a temporary name needs no sync */
done:
    if (rc != STATUS_OK) checkpoint_abandon(&w);
    *out = w;
    return rc;
}

static enum status add_file(struct checkpoint_writer *w, const char *name,
                            const struct checkpoint_part *part, int n_parts, struct error *e) {
    enum status rc = STATUS_OK;
    struct file *f = NULL;
    char path[FILE_PATH_MAX];
    uint64_t size = 0;
    uint32_t crc = 0;
    TRY(file_join(path, w->folder, name, e));
    for (int i = 0; i < n_parts; i++) size += part[i].n;
    TRY(file_create(&f, path, e));
    TRY(file_reserve(f, size, e));
    for (int i = 0; i < n_parts; i++) {
        crc = hash_crc32c(crc, part[i].bytes, part[i].n);
        TRY(file_write(f, part[i].bytes, part[i].n, e));
    }
    TRY(file_sync(f, e));
    TRY(file_close(&f, e));
    w->file[w->n_files].name = text_copy(name);
    if (!w->file[w->n_files].name) {
        rc = fail(e, STATUS_NO_MEMORY, "%s: no memory for a name", path);
        goto done;
    }
    w->file[w->n_files].size = size;
    w->file[w->n_files].crc = crc;
    w->n_files++;
done:
    file_destroy(&f);
    return rc;
}

enum status checkpoint_add(struct checkpoint_writer *w, const char *name,
                           const struct checkpoint_part *part, int n_parts, struct error *e) {
    CHECK(!w->failed && w->n_files < FILES_MAX && checkpoint_list_is_plain(name));
    enum status rc = add_file(w, name, part, n_parts, e);
    w->failed = rc != STATUS_OK;
    return rc;
}

enum status checkpoint_add_tensors(struct checkpoint_writer *w, const char *name,
                                   struct safetensors_content *content, struct error *e) {
    enum status rc = STATUS_OK;
    struct text header = {0};
    struct checkpoint_part *part = calloc((size_t)content->n + 1, sizeof *part);
    if (!part) {
        rc = fail(e, STATUS_NO_MEMORY, "%s: no memory for %d tensors", name, content->n);
        goto done;
    }
    TRY(safetensors_header(content, &header, e));
    part[0] = (struct checkpoint_part){header.bytes, header.n};
    for (int i = 0; i < content->n; i++)
        part[i + 1] =
            (struct checkpoint_part){content->tensor[i].bytes, (size_t)content->tensor[i].n_bytes};
    TRY(checkpoint_add(w, name, part, content->n + 1, e));
done:
    if (rc != STATUS_OK) w->failed = true;
    text_release(&header);
    free(part);
    return rc;
}

static void write_hex(struct json_writer *json, const char *name, uint32_t value) {
    char digits[16];
    snprintf(digits, sizeof digits, "%08" PRIx32, value);
    json_write_name(json, name);
    json_write_text(json, digits);
}

/* Syncs a log and finds its size. */
static enum status log_size(const char *run, const char *name, uint64_t *size, struct error *e) {
    enum status rc = STATUS_OK;
    struct file *f = NULL;
    char path[FILE_PATH_MAX];
    *size = 0;
    TRY(file_join(path, run, name, e));
    if (!file_exists(path)) goto done;
    TRY(file_append_open(&f, path, e));
    TRY(file_sync(f, e));
    TRY(file_size(f, size, e));
done:
    file_destroy(&f);
    return rc;
}

/* The manifest up to the comma before its own CRC. */
static enum status write_manifest(const struct checkpoint_writer *w,
                                  const struct checkpoint_about *about, struct text *out,
                                  struct error *e) {
    enum status rc = STATUS_OK;
    struct json_writer json = {.indent = 2};
    char digest[HASH_HEX_64];
    uint64_t size = 0;
    json_write_object_begin(&json);
    json_write_name(&json, "version");
    json_write_int(&json, CHECKPOINT_VERSION);
    json_write_name(&json, "step");
    json_write_int(&json, w->step);
    json_write_name(&json, "digest");
    hash_hex_64(digest, about->digest);
    json_write_text(&json, digest);
    json_write_name(&json, "facts");
    json_write_object_begin(&json);
    for (int i = 0; i < about->n_facts; i++) {
        json_write_name(&json, about->fact[i].name);
        json_write_text(&json, about->fact[i].value);
    }
    json_write_object_end(&json);
    json_write_name(&json, "logs");
    json_write_object_begin(&json);
    for (int i = 0; i < about->n_logs; i++) {
        CHECK(checkpoint_list_is_plain(about->log[i]));
        TRY(log_size(w->run, about->log[i], &size, e));
        json_write_name(&json, about->log[i]);
        if (about->log_size && size < about->log_size[i]) {
            rc = fail(e, STATUS_STORAGE,
                      "%s: shorter than what was written; expected %" PRIu64
                      " bytes, found %" PRIu64,
                      about->log[i], about->log_size[i], size);
            goto done;
        }
        json_write_int(&json, (int64_t)(about->log_size ? about->log_size[i] : size));
    }
    json_write_object_end(&json);
    json_write_name(&json, "files");
    json_write_list_begin(&json);
    for (int i = 0; i < w->n_files; i++) {
        json_write_object_begin(&json);
        json_write_name(&json, "name");
        json_write_text(&json, w->file[i].name);
        json_write_name(&json, "size");
        json_write_int(&json, (int64_t)w->file[i].size);
        write_hex(&json, "crc32c", w->file[i].crc);
        json_write_object_end(&json);
    }
    json_write_list_end(&json);
    write_hex(&json, "crc32c", hash_crc32c(0, json.text.bytes, json.text.n));
    json_write_object_end(&json);
    text_append_char(&json.text, '\n');
    TRY(text_check(&json.text, e));
    *out = json.text;
    json.text = (struct text){0};
done:
    text_release(&json.text);
    return rc;
}

/* Gives the temporary folder its name. */
static enum status rename_folder(struct checkpoint_writer *w, struct error *e) {
    enum status rc = STATUS_OK;
    struct checkpoint *there = NULL;
    char path[FILE_PATH_MAX], folder[FILE_PATH_MAX], old[FILE_PATH_MAX];
    TRY(checkpoint_list_folder(folder, w->run, e));
    TRY(checkpoint_list_path(path, w->run, "", w->step, e));
    if (file_exists(path)) {
        const enum status found = checkpoint_open(&there, path, e);
        checkpoint_destroy(&there);
        if (found == STATUS_OK) return file_remove_tree(w->folder, e);
        if (found == STATUS_UNSUPPORTED) return found;
        TRY(checkpoint_list_path(old, w->run, ".tmp_damaged_", w->step, e));
        TRY(file_remove_tree(old, e));
        TRY(file_rename(path, old, e));
        TRY(file_remove_tree(old, e));
    }
    TRY(file_rename(w->folder, path, e));
    TRY(file_sync_folder(folder, e));
done:
    return rc;
}

enum status checkpoint_commit(struct checkpoint_writer **writer,
                              const struct checkpoint_about *about, struct error *e) {
    enum status rc = STATUS_OK;
    struct checkpoint_writer *w = *writer;
    struct text manifest = {0};
    CHECK(!w->failed);
    TRY(write_manifest(w, about, &manifest, e));
    TRY(add_file(w, CHECKPOINT_LIST_MANIFEST, &(struct checkpoint_part){manifest.bytes, manifest.n},
                 1, e));
    TRY(file_sync_folder(w->folder, e));
    if (about->lock) TRY(file_lock_check(about->lock, e));
    TRY(rename_folder(w, e));
done:
    if (rc != STATUS_OK) error_context(e, "checkpoint step %" PRId64, w->step);
    text_release(&manifest);
    checkpoint_abandon(writer); /* after the rename this removes nothing */
    return rc;
}

void checkpoint_abandon(struct checkpoint_writer **writer) {
    struct checkpoint_writer *w = *writer;
    struct error ignored; /* the next start removes what stays behind */
    if (!w) return;
    if (w->folder[0]) file_remove_tree(w->folder, &ignored);
    for (int i = 0; i < w->n_files; i++) free(w->file[i].name);
    free(w);
    *writer = NULL;
}

static bool is_among(int64_t step, const int64_t *steps, int n) {
    for (int i = 0; i < n; i++)
        if (steps[i] == step) return true;
    return false;
}

enum status checkpoint_retain(const char *run, int n, const int64_t *kept, int n_kept,
                              struct error *e) {
    enum status rc = STATUS_OK;
    struct checkpoint_list list = {0};
    char path[FILE_PATH_MAX], doomed[FILE_PATH_MAX];
    int n_valid = 0;
    if (n < 2) n = 2;
    TRY(checkpoint_list_read(&list, run, e));
    for (int i = 0; i < list.n; i++) {
        struct checkpoint *c = NULL;
        struct error ignored;
        TRY(checkpoint_list_path(path, run, "", list.step[i], e));
        if (n_valid < n) {
            n_valid += checkpoint_open(&c, path, &ignored) == STATUS_OK;
            checkpoint_destroy(&c);
            continue;
        }
        if (is_among(list.step[i], kept, n_kept)) continue;
        const enum status looked = checkpoint_look(&c, path, &ignored);
        checkpoint_destroy(&c);
        if (looked == STATUS_UNSUPPORTED) continue; /* of a newer version */
        /* Renamed first: a folder that is half deleted never bears the name of a checkpoint. */
        TRY(checkpoint_list_path(doomed, run, ".tmp_delete_", list.step[i], e));
        TRY(file_remove_tree(doomed, e));
        TRY(file_rename(path, doomed, e));
        TRY(file_remove_tree(doomed, e));
    }
done:
    checkpoint_list_release(&list);
    return rc;
}

enum status checkpoint_set_aside(const char *run, int64_t step, struct error *e) {
    enum status rc = STATUS_OK;
    struct checkpoint_list list = {0};
    char path[FILE_PATH_MAX], aside[FILE_PATH_MAX], folder[FILE_PATH_MAX], prefix[40];
    TRY(checkpoint_list_read(&list, run, e));
    for (int i = 0; i < list.n && list.step[i] > step; i++) {
        int number = 0;
        TRY(checkpoint_list_path(path, run, "", list.step[i], e));
        do {
            snprintf(prefix, sizeof prefix, "abandoned_%d_", number++);
            TRY(checkpoint_list_path(aside, run, prefix, list.step[i], e));
        } while (file_exists(aside));
        TRY(file_rename(path, aside, e));
    }
    TRY(checkpoint_list_folder(folder, run, e));
    if (file_is_folder(folder)) TRY(file_sync_folder(folder, e));
done:
    checkpoint_list_release(&list);
    return rc;
}
