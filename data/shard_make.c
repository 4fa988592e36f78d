#include "data/shard_make.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/index.h"
#include "data/shard.h"
#include "pipeline/base/file.h"
#include "pipeline/base/json.h"
#include "pipeline/base/json_write.h"
#include "pipeline/base/text.h"

enum { FILE_BYTES_MAX = 64 << 20, LIST_BYTES_MAX = 1 << 30, COUNT_DEFAULT = 10000 };
static const int64_t bytes_default = 3000000000;

/* One member of the sample at hand: a file still to be read, or bytes. */
struct part {
    char *extension; /* lower case */
    char *path;      /* NULL: bytes */
    struct text bytes;
};

struct maker {
    const struct shard_make *params;
    struct shard_made *made;
    struct shard_writer *writer;
    int64_t in_shard, bytes_in_shard;
    struct part part[INDEX_MEMBERS_MAX];
    int n_parts;
    char *key;
};

/* The path of shard `number`: %06d in the pattern replaced. */
static enum status shard_path(char out[FILE_PATH_MAX], const char *to, int number,
                              struct error *e) {
    const char *percent = strchr(to, '%'), *p = percent ? percent + 1 : NULL;
    int width = 0, n;
    if (!percent && text_ends_with(to, ".tar") && !file_is_folder(to))
        return fail(e, STATUS_BAD_ARG,
                    "%.300s: would be a folder of shards; expected its name without .tar, or a "
                    "pattern as shards/name-%%06d.tar",
                    to);
    if (!percent) {
        n = snprintf(out, FILE_PATH_MAX, "%s/%06d.tar", to, number);
        return n < FILE_PATH_MAX ? STATUS_OK : fail(e, STATUS_BAD_ARG, "%.200s: too long", to);
    }
    while (isdigit((unsigned char)*p) && width < 100) width = 10 * width + (*p++ - '0');
    if (*p != 'd' || width > 12 || strchr(p, '%') || !text_ends_with(to, ".tar"))
        return fail(e, STATUS_BAD_ARG,
                    "%.300s: not a pattern for shards; expected a folder or one %%06d and .tar at "
                    "the end, as in shards/name-%%06d.tar",
                    to);
    n = snprintf(out, FILE_PATH_MAX, "%.*s%0*d%s", (int)(percent - to), to, width, number, p + 1);
    return n < FILE_PATH_MAX ? STATUS_OK : fail(e, STATUS_BAD_ARG, "%.200s: too long", to);
}

static enum status finish_shard(struct maker *m, struct error *e) {
    if (!m->writer) return STATUS_OK;
    m->in_shard = 0;
    m->bytes_in_shard = 0;
    return shard_finish(&m->writer, e);
}

static enum status begin_shard(struct maker *m, struct error *e) {
    enum status rc = STATUS_OK;
    char path[FILE_PATH_MAX], folder[FILE_PATH_MAX];
    TRY(shard_path(path, m->params->to, m->made->shards, e));
    if (file_exists(path)) {
        rc = fail(e, STATUS_BAD_ARG, "%.300s: exists already; remove it or choose another name",
                  path);
        goto done;
    }
    TRY(file_parent(folder, path, e));
    TRY(file_make_folders(folder, e));
    TRY(shard_create(&m->writer, path, e));
    if (!m->made->shards++) snprintf(m->made->first, sizeof m->made->first, "%s", path);
done:
    return rc;
}

static bool is_picture(const char *extension) {
    return !strcmp(extension, "jpg") || !strcmp(extension, "jpeg") || !strcmp(extension, "png") ||
           !strcmp(extension, "webp");
}

static int compare_parts(const void *a, const void *b) {
    const struct part *x = a, *y = b;
    return strcmp(x->extension, y->extension);
}

static void drop_parts(struct maker *m) {
    for (int i = 0; i < m->n_parts; i++) {
        free(m->part[i].extension);
        free(m->part[i].path);
        text_release(&m->part[i].bytes);
    }
    m->n_parts = 0;
}

/* Takes over nothing: extension and path are copied. The part to fill, or NULL and an error. */
static struct part *add_part(struct maker *m, const char *extension, const char *path,
                             struct error *e) {
    if (m->n_parts == INDEX_MEMBERS_MAX) {
        fail(e, STATUS_BAD_DATA, "%.300s: more than %d files for one sample", m->key,
             INDEX_MEMBERS_MAX);
        return NULL;
    }
    struct part *part = &m->part[m->n_parts];
    *part = (struct part){.extension = text_copy(extension), .path = path ? text_copy(path) : NULL};
    if (!part->extension || (path && !part->path)) {
        free(part->extension);
        fail(e, STATUS_NO_MEMORY, "%.300s: no memory", m->key);
        return NULL;
    }
    for (char *c = part->extension; *c; c++) *c = (char)tolower((unsigned char)*c);
    m->n_parts++;
    return part;
}

static enum status read_parts(struct maker *m, int64_t *bytes, struct error *e) {
    enum status rc = STATUS_OK;
    *bytes = 0;
    for (int i = 0; i < m->n_parts; i++) {
        struct part *part = &m->part[i];
        if (part->path) {
            char *content;
            size_t n;
            TRY(file_read_all(&content, &n, part->path, FILE_BYTES_MAX, e));
            text_append_bytes(&part->bytes, content, n);
            free(content);
            TRY(text_check(&part->bytes, e));
        }
        *bytes += (int64_t)part->bytes.n;
    }
done:
    return rc;
}

/* Writes the sample at hand and forgets it. */
static enum status write_sample(struct maker *m, struct error *e) {
    enum status rc = STATUS_OK;
    const struct shard_make *p = m->params;
    const int64_t max_count = p->max_count ? p->max_count : COUNT_DEFAULT;
    const int64_t max_bytes = p->max_bytes ? p->max_bytes : bytes_default;
    bool picture = false, caption = false;
    int64_t bytes;
    struct text name = {0};
    for (int i = 0; i < m->n_parts; i++) {
        picture = picture || is_picture(m->part[i].extension);
        caption = caption || !strcmp(m->part[i].extension, "txt");
    }
    if (!picture) {
        m->made->without_picture += m->n_parts > 0;
        goto done;
    }
    qsort(m->part, (size_t)m->n_parts, sizeof *m->part, compare_parts);
    TRY(read_parts(m, &bytes, e));
    if (m->in_shard == max_count || (m->in_shard && m->bytes_in_shard + bytes > max_bytes))
        TRY(finish_shard(m, e));
    if (!m->writer) TRY(begin_shard(m, e));
    for (int i = 0; i < m->n_parts; i++) {
        text_clear(&name);
        text_printf(&name, "%s.%s", m->key, m->part[i].extension);
        TRY(text_check(&name, e));
        TRY(shard_add(m->writer, text_string(&name), text_string(&m->part[i].bytes),
                      m->part[i].bytes.n, e));
    }
    m->in_shard++;
    m->bytes_in_shard += bytes;
    m->made->samples++;
    m->made->without_caption += !caption;
done:
    text_release(&name);
    drop_parts(m);
    return rc;
}

static enum status begin_sample(struct maker *m, const char *key, size_t n, struct error *e) {
    free(m->key);
    m->key = malloc(n + 1);
    if (!m->key) return fail(e, STATUS_NO_MEMORY, "no memory for a key");
    memcpy(m->key, key, n);
    m->key[n] = '\0';
    return STATUS_OK;
}

/* A folder: the paths below it, relative to it, sorted as samples. */
struct paths {
    char **path;
    size_t n, capacity;
};

static enum status paths_add(struct paths *paths, const char *path, struct error *e) {
    if (paths->n == paths->capacity) {
        size_t capacity = paths->capacity ? 2 * paths->capacity : 256;
        char **grown = realloc(paths->path, capacity * sizeof *grown);
        if (!grown) return fail(e, STATUS_NO_MEMORY, "%.300s: no memory", path);
        paths->path = grown;
        paths->capacity = capacity;
    }
    paths->path[paths->n] = text_copy(path);
    if (!paths->path[paths->n]) return fail(e, STATUS_NO_MEMORY, "%.300s: no memory", path);
    paths->n++;
    return STATUS_OK;
}

static enum status collect(struct paths *paths, const char *root, const char *below, int depth,
                           struct error *e) {
    enum status rc = STATUS_OK;
    struct file_list names = {0};
    char folder[FILE_PATH_MAX], inside[FILE_PATH_MAX], whole[FILE_PATH_MAX];
    size_t key_length;
    const char *extension;
    if (depth > 32) return fail(e, STATUS_BAD_ARG, "%.300s: folders too deep", below);
    TRY(file_join(folder, root, below, e));
    TRY(file_list_read(&names, folder, e));
    for (int i = 0; i < names.n; i++) {
        if (*below)
            TRY(file_join(inside, below, names.name[i], e));
        else
            snprintf(inside, sizeof inside, "%s", names.name[i]);
        TRY(file_join(whole, root, inside, e));
        if (file_is_folder(whole))
            TRY(collect(paths, root, inside, depth + 1, e));
        else if (shard_split(inside, &key_length, &extension))
            TRY(paths_add(paths, inside, e));
    }
done:
    file_list_release(&names);
    return rc;
}

/* By key first: a.b.png and a.txt belong together, with a-1.png before or after both. */
static int compare_paths(const void *a, const void *b) {
    const char *x = *(char *const *)a, *y = *(char *const *)b, *extension;
    size_t n = 0, m = 0;
    shard_split(x, &n, &extension);
    shard_split(y, &m, &extension);
    int order = memcmp(x, y, n < m ? n : m);
    if (order) return order;
    if (n != m) return n < m ? -1 : 1;
    return strcmp(x, y);
}

static enum status make_from_folder(struct maker *m, struct error *e) {
    enum status rc = STATUS_OK;
    struct paths paths = {0};
    char whole[FILE_PATH_MAX];
    TRY(collect(&paths, m->params->from, "", 0, e));
    if (paths.n) qsort(paths.path, paths.n, sizeof *paths.path, compare_paths);
    for (size_t i = 0; i < paths.n; i++) {
        size_t n;
        const char *extension;
        shard_split(paths.path[i], &n, &extension);
        if (!m->key || strlen(m->key) != n || memcmp(m->key, paths.path[i], n) != 0) {
            TRY(write_sample(m, e));
            TRY(begin_sample(m, paths.path[i], n, e));
        }
        TRY(file_join(whole, m->params->from, paths.path[i], e));
        if (!add_part(m, extension, whole, e)) {
            rc = e ? e->status : STATUS_BAD_DATA;
            goto done;
        }
    }
    TRY(write_sample(m, e));
done:
    for (size_t i = 0; i < paths.n; i++) free(paths.path[i]);
    free(paths.path);
    return rc;
}

/* Key and picture of a list's line. The key must come back unchanged from the member's name. */
static enum status begin_listed(struct maker *m, const char *folder, const char *key,
                                const char *picture, struct error *e) {
    enum status rc = STATUS_OK;
    char whole[FILE_PATH_MAX];
    const char *dot = strrchr(file_base_name(picture), '.');
    struct text name = {0};
    size_t n = 0;
    const char *extension;
    text_printf(&name, "%s.x", key);
    TRY(text_check(&name, e));
    if (!shard_split(text_string(&name), &n, &extension) || n != strlen(key)) {
        rc = fail(e, STATUS_BAD_DATA, "key '%.200s': no dots are possible in a key's last part",
                  key);
        goto done;
    }
    if (!dot) {
        rc = fail(e, STATUS_BAD_DATA, "'%.200s': expected a picture with .jpg, .png or .webp",
                  picture);
        goto done;
    }
    TRY(begin_sample(m, key, strlen(key), e));
    TRY(file_join(whole, folder, picture, e));
    if (!add_part(m, dot + 1, whole, e)) rc = e ? e->status : STATUS_BAD_DATA;
done:
    text_release(&name);
    return rc;
}

static enum status make_tsv_line(struct maker *m, const char *folder, char *line, struct error *e) {
    enum status rc = STATUS_OK;
    char *field[3] = {line, NULL, NULL};
    for (int i = 1; i < 3 && field[i - 1]; i++) {
        field[i] = strchr(field[i - 1], '\t');
        if (field[i]) *field[i]++ = '\0';
    }
    if (!field[1]) return fail(e, STATUS_BAD_DATA, "expected key, tab, picture, tab, caption");
    TRY(begin_listed(m, folder, field[0], field[1], e));
    if (field[2] && *field[2]) {
        struct part *part = add_part(m, "txt", NULL, e);
        if (!part) return e ? e->status : STATUS_BAD_DATA;
        for (char *c = field[2]; *c; c++)
            if (*c == '\t') *c = '\n';
        text_append(&part->bytes, field[2]);
        TRY(text_check(&part->bytes, e));
    }
    TRY(write_sample(m, e));
done:
    return rc;
}

static enum status add_json_captions(struct maker *m, const struct json *root, struct error *e) {
    enum status rc = STATUS_OK;
    const struct json *one = json_find(root, "caption"), *many = json_find(root, "captions");
    const char *s;
    if (!one && !many) return STATUS_OK;
    struct part *part = add_part(m, "txt", NULL, e);
    if (!part) return e ? e->status : STATUS_BAD_DATA;
    if (one) {
        TRY(json_as_text(one, &s, e));
        text_append(&part->bytes, s);
    }
    if (many) TRY(json_expect(many, JSON_LIST, e));
    for (const struct json *item = many ? many->first : NULL; item; item = item->next) {
        TRY(json_as_text(item, &s, e));
        if (part->bytes.n) text_append_char(&part->bytes, '\n');
        text_append(&part->bytes, s);
    }
    TRY(text_check(&part->bytes, e));
done:
    return rc;
}

static enum status make_json_line(struct maker *m, const char *folder, const char *line,
                                  struct error *e) {
    enum status rc = STATUS_OK;
    struct json_document *document = NULL;
    struct json_writer writer = {0};
    const char *key, *picture;
    TRY(json_parse(&document, line, strlen(line), "", e));
    const struct json *root = json_root(document);
    TRY(json_expect(root, JSON_OBJECT, e));
    TRY(json_text(root, "key", &key, e));
    TRY(json_text(root, "image", &picture, e));
    TRY(begin_listed(m, folder, key, picture, e));
    TRY(add_json_captions(m, root, e));
    json_write_object_begin(&writer);
    for (const struct json *field = root->first; field; field = field->next) {
        if (!strcmp(field->name, "image")) continue;
        json_write_name(&writer, field->name);
        json_write_value(&writer, field);
    }
    json_write_object_end(&writer);
    TRY(text_check(&writer.text, e));
    struct part *part = add_part(m, "json", NULL, e);
    if (!part) {
        rc = e ? e->status : STATUS_BAD_DATA;
        goto done;
    }
    text_append_bytes(&part->bytes, writer.text.bytes, writer.text.n);
    TRY(text_check(&part->bytes, e));
    TRY(write_sample(m, e));
done:
    text_release(&writer.text);
    json_destroy(&document);
    return rc;
}

static enum status make_from_list(struct maker *m, struct error *e) {
    enum status rc = STATUS_OK;
    char *bytes = NULL, folder[FILE_PATH_MAX];
    size_t n;
    long number = 0;
    const bool tsv = text_ends_with(m->params->from, ".tsv");
    TRY(file_read_all(&bytes, &n, m->params->from, LIST_BYTES_MAX, e));
    TRY(file_parent(folder, m->params->from, e));
    for (char *line = bytes, *next; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next) *next++ = '\0';
        number++;
        size_t length = strlen(line);
        if (length && line[length - 1] == '\r') line[--length] = '\0';
        if (!length) continue;
        rc = tsv ? make_tsv_line(m, folder, line, e) : make_json_line(m, folder, line, e);
        if (rc == STATUS_OK) continue;
        error_context(e, "%s:%ld", m->params->from, number);
        goto done;
    }
done:
    free(bytes);
    return rc;
}

enum status shard_make(struct shard_made *made, const struct shard_make *params, struct error *e) {
    enum status rc = STATUS_OK;
    char path[FILE_PATH_MAX];
    struct maker m = {.params = params, .made = made};
    *made = (struct shard_made){0};
    TRY(shard_path(path, params->to, 0, e));
    if (file_is_folder(params->from)) {
        TRY(make_from_folder(&m, e));
    } else if (text_ends_with(params->from, ".tsv") || text_ends_with(params->from, ".jsonl")) {
        TRY(make_from_list(&m, e));
    } else {
        rc = fail(e, file_exists(params->from) ? STATUS_BAD_ARG : STATUS_NOT_FOUND,
                  "%.300s: cannot make shards from it; expected a folder, NAME.tsv or NAME.jsonl",
                  params->from);
        goto done;
    }
    TRY(finish_shard(&m, e));
    if (!made->samples)
        rc = fail(e, STATUS_BAD_DATA,
                  "%.300s: no sample; expected pictures (jpg, png, webp) with a .txt of the same "
                  "name beside each",
                  params->from);
done:
    shard_abandon(&m.writer);
    drop_parts(&m);
    free(m.key);
    return rc;
}
