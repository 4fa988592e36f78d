#include "data/shards/make_writer.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/images/image_names.h"
#include "pipeline/base/stop.h"

enum { FILE_BYTES_MAX = 64 << 20, COUNT_DEFAULT = 10000 };
static const int64_t bytes_default = 3000000000;

static bool is_one_tar(const char *to) {
    return !strchr(to, '%') && text_ends_with(to, ".tar") && !file_is_folder(to);
}

/* The path of shard `number`: %06d in the pattern replaced. */
static enum status shard_path(char out[FILE_PATH_MAX], const char *to, int number,
                              struct error *e) {
    const char *percent = strchr(to, '%'), *p = percent ? percent + 1 : NULL;
    int width = 0, n;
    if (!percent) {
        n = is_one_tar(to) ? snprintf(out, FILE_PATH_MAX, "%s", to)
                           : snprintf(out, FILE_PATH_MAX, "%s/%06d.tar", to, number);
        return n < FILE_PATH_MAX ? STATUS_OK : fail(e, STATUS_BAD_ARG, "%.200s: too long", to);
    }
    while (isdigit((unsigned char)*p) && width < 100) width = 10 * width + (*p++ - '0');
    if (*p != 'd' || width > 12 || strchr(p, '%') || !text_ends_with(to, ".tar"))
        return fail(e, STATUS_BAD_ARG,
                    "%.300s: not a pattern for shards; expected a folder, name.tar, or one %%06d "
                    "and .tar at the end, as in shards/name-%%06d.tar",
                    to);
    n = snprintf(out, FILE_PATH_MAX, "%.*s%0*d%s", (int)(percent - to), to, width, number, p + 1);
    return n < FILE_PATH_MAX ? STATUS_OK : fail(e, STATUS_BAD_ARG, "%.200s: too long", to);
}

static enum status refuse_existing(const char *path, struct error *e) {
    if (!file_exists(path)) return STATUS_OK;
    return fail(e, STATUS_BAD_ARG, "%.300s: exists already; remove it or choose another name",
                path);
}

enum status make_writer_check(struct make_writer *w, struct error *e) {
    const enum status rc = shard_path(w->first, w->params->to, 0, e);
    return rc == STATUS_OK ? refuse_existing(w->first, e) : rc;
}

enum status make_writer_finish(struct make_writer *w, struct error *e) {
    if (!w->shard) return STATUS_OK;
    w->in_shard = 0;
    w->bytes_in_shard = 0;
    return shard_finish(&w->shard, e);
}

void make_writer_remove(struct make_writer *w) {
    char path[FILE_PATH_MAX];
    shard_abandon(&w->shard);
    for (int i = 0; i < w->made->shards; i++)
        if (shard_path(path, w->params->to, i, NULL) == STATUS_OK) file_remove(path, NULL);
}

static enum status begin_shard(struct make_writer *w, struct error *e) {
    enum status rc = STATUS_OK;
    char path[FILE_PATH_MAX], folder[FILE_PATH_MAX];
    TRY(shard_path(path, w->params->to, w->made->shards, e));
    TRY(refuse_existing(path, e));
    TRY(file_parent(folder, path, e));
    TRY(file_make_folders(folder, e));
    TRY(shard_create(&w->shard, path, e));
    if (!w->made->shards++) snprintf(w->made->first, sizeof w->made->first, "%s", path);
done:
    return rc;
}

static int compare_parts(const void *a, const void *b) {
    const struct make_part *x = a, *y = b;
    return strcmp(x->extension, y->extension);
}

static void drop_parts(struct make_writer *w) {
    for (int i = 0; i < w->n_parts; i++) {
        free(w->part[i].extension);
        free(w->part[i].path);
        text_release(&w->part[i].bytes);
    }
    w->n_parts = 0;
}

static enum status add_part(struct make_writer *w, struct make_part **out, const char *extension,
                            struct error *e) {
    if (w->n_parts == INDEX_MEMBERS_MAX)
        return fail(e, STATUS_BAD_DATA, "%.300s: more than %d files for one sample",
                    text_string(&w->key), INDEX_MEMBERS_MAX);
    struct make_part *part = &w->part[w->n_parts];
    *part = (struct make_part){.extension = text_copy(extension)};
    if (!part->extension)
        return fail(e, STATUS_NO_MEMORY, "%.300s: no memory", text_string(&w->key));
    for (char *c = part->extension; *c; c++) *c = (char)tolower((unsigned char)*c);
    w->n_parts++;
    *out = part;
    return STATUS_OK;
}

enum status make_writer_add_file(struct make_writer *w, const char *extension, const char *path,
                                 struct error *e) {
    struct make_part *part;
    const enum status rc = add_part(w, &part, extension, e);
    if (rc != STATUS_OK) return rc;
    part->path = text_copy(path);
    return part->path ? STATUS_OK : fail(e, STATUS_NO_MEMORY, "%.300s: no memory", path);
}

enum status make_writer_add_bytes(struct make_writer *w, const char *extension, const void *bytes,
                                  size_t n, struct error *e) {
    struct make_part *part;
    const enum status rc = add_part(w, &part, extension, e);
    if (rc != STATUS_OK) return rc;
    text_append_bytes(&part->bytes, bytes, n);
    return text_check(&part->bytes, e);
}

bool make_writer_has(const struct make_writer *w, const char *extension) {
    for (int i = 0; i < w->n_parts; i++)
        if (!strcmp(w->part[i].extension, extension)) return true;
    return false;
}

bool make_writer_has_picture(const struct make_writer *w) {
    for (int i = 0; i < w->n_parts; i++)
        if (image_names_has(w->part[i].extension)) return true;
    return false;
}

static enum status read_parts(struct make_writer *w, int64_t *bytes, struct error *e) {
    enum status rc = STATUS_OK;
    for (int i = 0; i < w->n_parts; i++) {
        struct make_part *part = &w->part[i];
        if (i && !strcmp(part->extension, part[-1].extension))
            TRY(fail(e, STATUS_BAD_DATA, "%.300s: two files with extension %.100s; remove one",
                     text_string(&w->key), part->extension));
        if (part->path)
            TRY(file_tree_read(&part->bytes, w->tree, part->path, FILE_BYTES_MAX, e));
        *bytes += (int64_t)part->bytes.n;
    }
done:
    return rc;
}

static void leave_out(struct make_writer *w) {
    struct shard_made *made = w->made;
    const char *other = NULL;
    for (int i = 0; i < w->n_parts && !other; i++) other = image_names_other(w->part[i].extension);
    if (!other) {
        if (!made->without_picture++)
            text_printable(made->first_left_out, sizeof made->first_left_out, text_string(&w->key));
        return;
    }
    int i = 0;
    while (made->other[i].format && made->other[i].format != other) i++;
    CHECK(i < SHARD_MADE_OTHERS);
    made->other[i].format = other;
    if (!made->other[i].n++)
        text_printable(made->other[i].first, sizeof made->other[i].first, text_string(&w->key));
}

/* Reads the files of the sample at hand, or counts it as left out and forgets it. */
static enum status prepare_sample(struct make_writer *w, int64_t *bytes, struct error *e) {
    if (make_writer_has_picture(w)) {
        qsort(w->part, (size_t)w->n_parts, sizeof *w->part, compare_parts);
        return read_parts(w, bytes, e);
    }
    if (w->n_parts) leave_out(w);
    drop_parts(w);
    return STATUS_OK;
}

enum status make_writer_end(struct make_writer *w, struct error *e) {
    enum status rc = STATUS_OK;
    const struct shard_make *p = w->params;
    const int64_t max_count = p->max_count ? p->max_count : COUNT_DEFAULT;
    const int64_t max_bytes = p->max_bytes ? p->max_bytes : bytes_default;
    bool caption = false;
    int64_t bytes = 0;
    struct text name = {0};
    TRY(stop_check("shards make", e));
    rc = prepare_sample(w, &bytes, e);
    if (rc != STATUS_OK && w->place.n) error_context(e, "%s", text_string(&w->place));
    if (rc != STATUS_OK || !w->n_parts) goto done;
    const bool is_full =
        w->in_shard == max_count || (w->in_shard && w->bytes_in_shard + bytes > max_bytes);
    if (is_full && !is_one_tar(p->to)) TRY(make_writer_finish(w, e));
    if (!w->shard) TRY(begin_shard(w, e));
    for (int i = 0; i < w->n_parts; i++) {
        caption = caption || !strcmp(w->part[i].extension, "txt");
        text_clear(&name);
        text_printf(&name, "%s.%s", text_string(&w->key), w->part[i].extension);
        TRY(text_check(&name, e));
        TRY(shard_add(w->shard, text_string(&name), text_string(&w->part[i].bytes),
                      w->part[i].bytes.n, e));
    }
    w->in_shard++;
    w->bytes_in_shard += bytes;
    w->made->samples++;
    w->made->without_caption += !caption;
    w->made->renamed += w->is_renamed;
done:
    text_release(&name);
    drop_parts(w);
    return rc;
}

enum status make_writer_begin(struct make_writer *w, const char *key, struct error *e) {
    CHECK(w->n_parts == 0);
    w->is_renamed = false;
    text_clear(&w->key);
    text_printf(&w->key, "%s%s", text_string(&w->prefix), key);
    return text_check(&w->key, e);
}

void make_writer_release(struct make_writer *w) {
    drop_parts(w);
    text_release(&w->prefix);
    text_release(&w->key);
    text_release(&w->place);
}
