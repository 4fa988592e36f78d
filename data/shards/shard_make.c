#include "data/shards/shard_make.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/shards/index.h"
#include "data/shards/shard.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/json.h"
#include "pipeline/base/json_write.h"
#include "pipeline/base/stop.h"
#include "pipeline/base/text.h"

enum { FILE_BYTES_MAX = 64 << 20, LIST_BYTES_MAX = 1 << 30, COUNT_DEFAULT = 10000 };
static const int64_t bytes_default = 3000000000;

/* One member of the sample at hand: a file still to be read, or bytes. */
struct part {
    char *extension; /* lower case */
    char *path;      /* NULL: bytes */
    struct text bytes;
};

struct seen_place {
    struct hash_128 key;
    long line; /* 0: free */
};

struct seen {
    struct seen_place *place;
    size_t n, capacity; /* a power of two */
};

struct maker {
    const struct shard_make *params;
    struct shard_made *made;
    struct shard_writer *writer;
    int64_t in_shard, bytes_in_shard;
    struct part part[INDEX_MEMBERS_MAX];
    int n_parts;
    char *key;
    bool is_renamed; /* the key is not the beginning of the file's name */
    long line;       /* of the list */
    struct seen seen;
};

/* The place of key, or the free one where it belongs. */
static struct seen_place *seen_find(const struct seen *seen, struct hash_128 key) {
    size_t i = (size_t)key.low & (seen->capacity - 1);
    while (seen->place[i].line &&
           (seen->place[i].key.low != key.low || seen->place[i].key.high != key.high))
        i = (i + 1) & (seen->capacity - 1);
    return &seen->place[i];
}

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

static enum status refuse_existing(const char *path, struct error *e) {
    if (!file_exists(path)) return STATUS_OK;
    return fail(e, STATUS_BAD_ARG, "%.300s: exists already; remove it or choose another name",
                path);
}

/* Takes away what was made so far, so that the same command works again. */
static void remove_shards(struct maker *m) {
    char path[FILE_PATH_MAX];
    shard_abandon(&m->writer);
    for (int i = 0; i < m->made->shards; i++)
        if (shard_path(path, m->params->to, i, NULL) == STATUS_OK) file_remove(path, NULL);
}

static enum status begin_shard(struct maker *m, struct error *e) {
    enum status rc = STATUS_OK;
    char path[FILE_PATH_MAX], folder[FILE_PATH_MAX];
    TRY(shard_path(path, m->params->to, m->made->shards, e));
    TRY(refuse_existing(path, e));
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
        if (i && !strcmp(part->extension, part[-1].extension)) {
            rc = fail(e, STATUS_BAD_DATA, "%.300s: two files with extension %.100s; remove one",
                      m->key, part->extension);
            goto done;
        }
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

/* Reads the files of the sample at hand, or counts it as left out and forgets it. */
static enum status prepare_sample(struct maker *m, int64_t *bytes, struct error *e) {
    bool picture = false;
    for (int i = 0; i < m->n_parts; i++) picture = picture || is_picture(m->part[i].extension);
    if (picture) {
        qsort(m->part, (size_t)m->n_parts, sizeof *m->part, compare_parts);
        return read_parts(m, bytes, e);
    }
    if (m->n_parts && !m->made->without_picture++)
        text_printable(m->made->first_left_out, sizeof m->made->first_left_out, m->key);
    drop_parts(m);
    return STATUS_OK;
}

/* Writes the sample at hand, if there is one, and forgets it. */
static enum status write_sample(struct maker *m, struct error *e) {
    enum status rc = STATUS_OK;
    const struct shard_make *p = m->params;
    const int64_t max_count = p->max_count ? p->max_count : COUNT_DEFAULT;
    const int64_t max_bytes = p->max_bytes ? p->max_bytes : bytes_default;
    bool caption = false;
    int64_t bytes = 0;
    struct text name = {0};
    TRY(stop_check("shards make", e));
    rc = prepare_sample(m, &bytes, e);
    if (rc != STATUS_OK && m->line) error_context(e, "%s:%ld", m->params->from, m->line);
    if (rc != STATUS_OK || !m->n_parts) goto done;
    if (m->in_shard == max_count || (m->in_shard && m->bytes_in_shard + bytes > max_bytes))
        TRY(finish_shard(m, e));
    if (!m->writer) TRY(begin_shard(m, e));
    for (int i = 0; i < m->n_parts; i++) {
        caption = caption || !strcmp(m->part[i].extension, "txt");
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
    m->made->renamed += m->is_renamed;
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

/* A file below the folder. Its sample has the key of webdataset (up to the first dot of the base
 * name) or, when its stem has dots and is a sample by itself, that stem with _ for the dots. */
struct entry {
    char *path;   /* relative to the folder */
    char *key;    /* of its sample */
    size_t n_key; /* bytes of path that the key was made of; the extension follows their dot */
};

struct entries {
    struct entry *entry;
    size_t n, capacity;
};

static enum status entries_add(struct entries *all, const char *path, size_t n_key,
                               struct error *e) {
    if (all->n == all->capacity) {
        size_t capacity = all->capacity ? 2 * all->capacity : 256;
        struct entry *grown = realloc(all->entry, capacity * sizeof *grown);
        if (!grown) return fail(e, STATUS_NO_MEMORY, "%.300s: no memory", path);
        all->entry = grown;
        all->capacity = capacity;
    }
    struct entry *entry = &all->entry[all->n];
    *entry = (struct entry){.path = text_copy(path), .key = text_copy(path), .n_key = n_key};
    all->n++;
    if (!entry->path || !entry->key) return fail(e, STATUS_NO_MEMORY, "%.300s: no memory", path);
    entry->key[n_key] = '\0';
    return STATUS_OK;
}

static void entries_release(struct entries *all) {
    for (size_t i = 0; i < all->n; i++) {
        free(all->entry[i].path);
        free(all->entry[i].key);
    }
    free(all->entry);
}

static enum status collect(struct entries *all, struct shard_made *made, const char *root,
                           const char *below, int depth, struct error *e) {
    enum status rc = STATUS_OK;
    struct file_list names = {0};
    char folder[FILE_PATH_MAX], inside[FILE_PATH_MAX], whole[FILE_PATH_MAX];
    size_t n_key;
    const char *extension;
    if (depth > 32) return fail(e, STATUS_BAD_ARG, "%.300s: folders too deep", below);
    TRY(stop_check("shards make", e));
    TRY(file_join(folder, root, below, e));
    TRY(file_list_read(&names, folder, e));
    for (int i = 0; i < names.n; i++) {
        if (*below)
            TRY(file_join(inside, below, names.name[i], e));
        else
            snprintf(inside, sizeof inside, "%s", names.name[i]);
        TRY(file_join(whole, root, inside, e));
        if (file_is_link(whole) && (file_is_folder(whole) || !file_is_inside(whole, root))) {
            if (!made->links++) text_printable(made->first_link, sizeof made->first_link, inside);
        } else if (file_is_folder(whole))
            TRY(collect(all, made, root, inside, depth + 1, e));
        else if (shard_split(inside, &n_key, &extension))
            TRY(entries_add(all, inside, n_key, e));
    }
done:
    file_list_release(&names);
    return rc;
}

static size_t stem_length(const char *path) {
    return (size_t)(strrchr(path, '.') - path);
}

/* By key, then by stem: v1.0.png and v1.0.txt with no v1.0.r.png between them. */
static int compare_entries(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    const size_t n = stem_length(x->path), m = stem_length(y->path);
    int order = strcmp(x->key, y->key);
    if (!order) order = memcmp(x->path, y->path, n < m ? n : m);
    if (!order && n != m) order = n < m ? -1 : 1;
    return order ? order : strcmp(x->path, y->path);
}

/* What the files entry[0..n), all of one stem (to the last dot), have. */
struct stem {
    bool picture, caption;
};

static struct stem look_at_stem(const struct entry *entry, size_t n) {
    struct stem stem = {0};
    for (size_t i = 0; i < n; i++) {
        char extension[8] = "";
        const char *p = strrchr(entry[i].path, '.') + 1;
        for (size_t k = 0; k + 1 < sizeof extension && p[k]; k++)
            extension[k] = (char)tolower((unsigned char)p[k]);
        stem.picture = stem.picture || is_picture(extension);
        stem.caption = stem.caption || !strcmp(extension, "txt");
    }
    return stem;
}

static bool same_stem(const struct entry *a, const struct entry *b) {
    const size_t n = stem_length(a->path);
    return n == stem_length(b->path) && !memcmp(a->path, b->path, n);
}

/* The files of one webdataset key, in the order of their stems: IMG.1.jpg with IMG.1.txt, or with
 * no IMG.jpg, is sample IMG_1; a.seg.png beside a.png is a further member of sample a. */
static void split_dotted(struct entry *entry, size_t n) {
    bool plain = false;
    for (size_t i = 0; i < n; i++)
        plain = plain || (stem_length(entry[i].path) == entry[i].n_key &&
                          look_at_stem(&entry[i], 1).picture);
    for (size_t i = 0, next; i < n; i = next) {
        for (next = i + 1; next < n && same_stem(&entry[i], &entry[next]);) next++;
        const struct stem stem = look_at_stem(&entry[i], next - i);
        const size_t length = stem_length(entry[i].path), n_key = entry[i].n_key;
        if (length == n_key || !stem.picture || (plain && !stem.caption)) continue;
        for (size_t j = i; j < next; j++) {
            memcpy(entry[j].key, entry[j].path, length); /* as long as the path was */
            entry[j].key[length] = '\0';
            for (char *c = entry[j].key + n_key; *c; c++)
                if (*c == '.') *c = '_';
            entry[j].n_key = length;
        }
    }
}

static enum status add_entry(struct maker *m, const struct entry *entry, const struct entry *before,
                             struct error *e) {
    enum status rc = STATUS_OK;
    char whole[FILE_PATH_MAX];
    if (!before || strcmp(before->key, entry->key) != 0) {
        TRY(write_sample(m, e));
        TRY(begin_sample(m, entry->key, strlen(entry->key), e));
        m->is_renamed = memcmp(entry->key, entry->path, entry->n_key) != 0;
    } else if (before->n_key != entry->n_key ||
               memcmp(before->path, entry->path, entry->n_key) != 0) {
        rc = fail(e, STATUS_BAD_DATA,
                  "%.300s and %.300s: both would be sample %.300s, as a key has no dots; rename "
                  "one",
                  before->path, entry->path, entry->key);
        goto done;
    }
    TRY(file_join(whole, m->params->from, entry->path, e));
    if (!add_part(m, entry->path + entry->n_key + 1, whole, e))
        rc = e ? e->status : STATUS_BAD_DATA;
done:
    return rc;
}

static enum status make_from_folder(struct maker *m, struct error *e) {
    enum status rc = STATUS_OK;
    struct entries all = {0};
    TRY(collect(&all, m->made, m->params->from, "", 0, e));
    if (all.n) qsort(all.entry, all.n, sizeof *all.entry, compare_entries);
    for (size_t i = 0, next; i < all.n; i = next) {
        for (next = i + 1; next < all.n && !strcmp(all.entry[i].key, all.entry[next].key);) next++;
        split_dotted(&all.entry[i], next - i);
    }
    if (all.n) qsort(all.entry, all.n, sizeof *all.entry, compare_entries);
    for (size_t i = 0; i < all.n; i++)
        TRY(add_entry(m, &all.entry[i], i ? &all.entry[i - 1] : NULL, e));
    TRY(write_sample(m, e));
done:
    entries_release(&all);
    return rc;
}

/* Keys of a list, to find one that comes twice: open addressing, at most half full. */
static enum status seen_grow(struct seen *seen, struct error *e) {
    struct seen grown = {.capacity = seen->capacity ? 2 * seen->capacity : 1024};
    grown.place = calloc(grown.capacity, sizeof *grown.place);
    if (!grown.place) return fail(e, STATUS_NO_MEMORY, "no memory for the keys of the list");
    for (size_t i = 0; i < seen->capacity; i++)
        if (seen->place[i].line) *seen_find(&grown, seen->place[i].key) = seen->place[i];
    grown.n = seen->n;
    free(seen->place);
    *seen = grown;
    return STATUS_OK;
}

static enum status see_key(struct maker *m, const char *key, struct error *e) {
    const struct hash_128 digest = hash_128(key, strlen(key), 0);
    if (2 * m->seen.n >= m->seen.capacity) {
        enum status rc = seen_grow(&m->seen, e);
        if (rc != STATUS_OK) return rc;
    }
    struct seen_place *place = seen_find(&m->seen, digest);
    if (place->line)
        return fail(e, STATUS_BAD_DATA,
                    "key '%.200s' is in line %ld already; expected another key for each line", key,
                    place->line);
    *place = (struct seen_place){.key = digest, .line = m->line};
    m->seen.n++;
    return STATUS_OK;
}

/* Whether a key can be a path in a tar that is unpacked: no "..", "." or empty part, none of these
 * from the root, no control character. */
static bool is_safe_key(const char *key) {
    for (const char *part = key;; part++) {
        const size_t n = strcspn(part, "/");
        if (n == 0 || (n <= 2 && strspn(part, ".") == n)) return false;
        for (size_t i = 0; i < n; i++)
            if ((unsigned char)part[i] < ' ' || part[i] == 0x7f) return false;
        part += n;
        if (!*part) return true;
    }
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
    if (!is_safe_key(key))
        TRY(fail(e, STATUS_BAD_DATA,
                 "key '%.200s': no path inside a shard; expected names joined by /, none of them "
                 "empty, . or ..",
                 key));
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
    TRY(see_key(m, key, e));
    TRY(begin_sample(m, key, strlen(key), e));
    TRY(file_join(whole, folder, picture, e));
    if (!add_part(m, dot + 1, whole, e)) rc = e ? e->status : STATUS_BAD_DATA;
done:
    text_release(&name);
    return rc;
}

static enum status read_tsv_line(struct maker *m, const char *folder, char *line, struct error *e) {
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

static enum status read_json_line(struct maker *m, const char *folder, const char *line,
                                  struct error *e) {
    enum status rc = STATUS_OK;
    struct json_document *document = NULL;
    struct json_writer writer = {0};
    const char *key, *picture;
    TRY(json_parse(&document, line, strlen(line), "JSON", e));
    const struct json *root = json_root(document);
    TRY(json_expect(root, JSON_OBJECT, e));
    if (!json_find(root, "key") || !json_find(root, "image"))
        TRY(fail(e, STATUS_BAD_DATA,
                 "no '%s'; expected key, image and caption, as {\"key\": \"1\", \"image\": "
                 "\"1.jpg\", \"caption\": \"a chair\"}",
                 json_find(root, "key") ? "image" : "key"));
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
done:
    text_release(&writer.text);
    json_destroy(&document);
    return rc;
}

static enum status make_from_list(struct maker *m, struct error *e) {
    enum status rc = STATUS_OK;
    char *bytes = NULL, folder[FILE_PATH_MAX];
    size_t n;
    const bool tsv = text_ends_with(m->params->from, ".tsv");
    TRY(file_read_all(&bytes, &n, m->params->from, LIST_BYTES_MAX, e));
    TRY(file_parent(folder, m->params->from, e));
    for (char *line = bytes, *next; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next) *next++ = '\0';
        m->line++;
        size_t length = strlen(line);
        if (length && line[length - 1] == '\r') line[--length] = '\0';
        if (!length) continue;
        rc = tsv ? read_tsv_line(m, folder, line, e) : read_json_line(m, folder, line, e);
        if (rc != STATUS_OK) error_context(e, "%s:%ld", m->params->from, m->line);
        if (rc != STATUS_OK) goto done;
        TRY(write_sample(m, e)); /* its errors may be those of the shard */
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
    TRY(refuse_existing(path, e));
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
    if (rc != STATUS_OK) remove_shards(&m);
    drop_parts(&m);
    free(m.seen.place);
    free(m.key);
    return rc;
}
