#include "data/shards/make_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/shards/digest_map.h"
#include "data/shards/make_rows.h"
#include "data/shards/remote.h"
#include "data/shards/shard.h"
#include "pipeline/base/file.h"
#include "pipeline/base/json.h"
#include "pipeline/base/json_write.h"
#include "pipeline/base/stop.h"
#include "pipeline/base/text.h"

static const char *const picture_names[] = {"image",    "file_name",  "filepath", "path",
                                            "filename", "image_path", "file",     NULL};
static const char *const caption_names[][3] = {{"caption", "captions"}, {"text"}, {"title"}};
enum { CAPTION_NAMES = sizeof caption_names / sizeof *caption_names };

/* A row, and the next one of the same sample. */
struct list_row {
    struct make_row row;
    size_t next;   /* 0: none */
    bool is_first; /* of its sample */
    bool is_missing;
};

struct list {
    struct make_writer *writer;
    struct make_rows rows;
    struct list_row *row; /* (n) */
    size_t n, capacity;
    struct digest_map keys; /* those of samples, to their lines */
    bool has_keys;          /* the list has them, by its first row */
    const char *picture, *key;
    const char *const *caption; /* (n_captions) fields */
    int n_captions;
};

/* Chooses the fields by the first row. */
static void choose_fields(struct list *l, const struct json *row) {
    const struct shard_make *p = l->writer->params;
    l->picture = p->picture_field;
    for (const char *const *name = picture_names; !l->picture && *name; name++)
        if (json_find(row, *name)) l->picture = *name;
    if (!l->picture) l->picture = picture_names[0];
    l->key = p->key_field ? p->key_field : "key";
    l->has_keys = p->key_field || json_find(row, l->key);
    l->caption = p->caption_fields;
    l->n_captions = p->n_caption_fields;
}

/* The captions of a table may be empty in its first row, so names are looked up in all. */
static void choose_captions(struct list *l, const struct json *row) {
    for (int i = 0; i < CAPTION_NAMES && !l->n_captions; i++)
        for (const char *const *name = caption_names[i]; *name; name++)
            if (json_find(row, *name)) {
                l->caption = caption_names[i];
                l->n_captions = caption_names[i][1] ? 2 : 1;
            }
}

static enum status value_text(struct text *out, const struct json *value, struct error *e) {
    enum status rc = STATUS_OK;
    const char *s;
    size_t n;
    text_clear(out);
    if (value->kind == JSON_NUMBER) {
        s = json_number_written(value, &n);
        text_append_bytes(out, s, n);
    } else {
        TRY(json_as_text(value, &s, e));
        text_append(out, s);
    }
    TRY(text_check(out, e));
done:
    return rc;
}

/* The text of a field that must be there. */
static enum status field_text(struct text *out, const struct json *row, const char *field,
                              struct error *e) {
    const struct json *value;
    const enum status rc = json_member(row, field, &value, e);
    return rc == STATUS_OK ? value_text(out, value, e) : rc;
}

/* For a message, should no row have captions. */
static enum status note_fields(struct list *l, const struct json *row, struct error *e) {
    struct text names = {0};
    for (const struct json *field = row->first; field; field = field->next)
        text_printf(&names, "%s%s", names.n ? ", " : "", field->name);
    const enum status rc = text_check(&names, e);
    text_printable(l->writer->made->fields, sizeof l->writer->made->fields, text_string(&names));
    text_release(&names);
    return rc;
}

static enum status append_row(struct list *l, const struct make_row *row, struct error *e) {
    if (l->n == l->capacity) {
        const size_t capacity = l->capacity ? 2 * l->capacity : 1024;
        struct list_row *grown = realloc(l->row, capacity * sizeof *grown);
        if (!grown) return fail(e, STATUS_NO_MEMORY, "no memory for %zu rows", capacity);
        l->row = grown;
        l->capacity = capacity;
    }
    l->row[l->n++] = (struct list_row){.row = *row};
    return STATUS_OK;
}

/* Joins the row, the last one, to those of its sample before it: `last` has the number of the last
 * row of each sample by the digest of its key or picture. */
static enum status join_row(struct list *l, struct digest_map *last, const char *identity,
                            struct error *e) {
    int64_t *before = NULL;
    const enum status rc = digest_map_put(&before, last, identity, strlen(identity), e);
    if (rc != STATUS_OK) return rc;
    struct list_row *row = &l->row[l->n - 1];
    row->is_first = *before == 0;
    if (!row->is_first && l->has_keys)
        return fail(e, STATUS_BAD_DATA,
                    "key '%.200s' is in line %ld already; expected another key for each line",
                    identity, l->row[*before - 1].row.line);
    if (!row->is_first) l->row[*before - 1].next = l->n - 1;
    *before = (int64_t)l->n;
    return STATUS_OK;
}

/* Reads all rows once: which are one sample, and which pictures are missing. */
static enum status look_at_rows(struct list *l, struct error *e) {
    enum status rc = STATUS_OK;
    struct make_row row;
    struct json_document *document = NULL;
    struct digest_map last = {0};
    struct text identity = {0}, picture = {0};
    for (;;) {
        TRY(stop_check("shards make", e));
        rc = make_rows_next(&l->rows, &row, e);
        if (rc == STATUS_END) break;
        TRY(rc);
        TRY(make_rows_parse(&document, &l->rows, &row, e));
        const struct json *root = json_root(document);
        if (!l->n) choose_fields(l, root);
        choose_captions(l, root);
        if (l->n == 0) TRY(note_fields(l, root, e));
        TRY(append_row(l, &row, e));
        rc = field_text(&picture, root, l->picture, e);
        if (rc == STATUS_OK && l->has_keys) rc = field_text(&identity, root, l->key, e);
        if (rc == STATUS_OK)
            rc = join_row(l, &last, text_string(l->has_keys ? &identity : &picture), e);
        if (rc != STATUS_OK) {
            error_context(e, "%s:%ld", l->rows.name, row.line);
            goto done;
        }
        json_destroy(&document);
        if (remote_is_url(text_string(&picture)))
            TRY(fail(e, STATUS_BAD_DATA,
                     "%.300s:%ld: an address; expected the path of a picture on this machine; "
                     "img2dataset downloads the pictures of such a list into shards",
                     l->rows.name, row.line));
        if (file_tree_has(l->writer->tree, text_string(&picture))) continue;
        l->row[l->n - 1].is_missing = true;
        if (!l->writer->made->missing++)
            snprintf(l->writer->made->first_missing, sizeof l->writer->made->first_missing,
                     "%s:%ld: %s", l->rows.name, row.line, text_string(&picture));
    }
    rc = STATUS_OK;
    if (l->n_captions) l->writer->made->fields[0] = '\0';
done:
    json_destroy(&document);
    digest_map_release(&last);
    text_release(&identity);
    text_release(&picture);
    return rc;
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

/* A key of the list must come back unchanged from the member's name. */
static enum status check_key(const char *key, struct error *e) {
    enum status rc = STATUS_OK;
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
    if (!shard_split(text_string(&name), &n, &extension) || n != strlen(key))
        rc = fail(e, STATUS_BAD_DATA, "key '%.200s': no dots are possible in a key's last part",
                  key);
done:
    text_release(&name);
    return rc;
}

/* a/b.c.jpg: a/b_c. Of a path from the root, or one that leads out, the last part alone. A key that
 * is there already gets a number. */
static enum status make_key(struct list *l, struct text *key, const char *picture, long line,
                            struct error *e) {
    enum status rc = STATUS_OK;
    char path[FILE_PATH_MAX];
    int64_t *seen = NULL;
    while (text_starts_with(picture, "./")) picture += 2;
    const size_t n = (size_t)(strrchr(picture, '.') - picture);
    if (n >= sizeof path) TRY(fail(e, STATUS_BAD_DATA, "'%.200s': too long", picture));
    snprintf(path, sizeof path, "%.*s", (int)n, picture);
    const char *from = is_safe_key(path) ? path : file_base_name(path);
    for (char *c = path + (file_base_name(path) - path); *c; c++)
        if (*c == '.' || (unsigned char)*c < ' ' || *c == 0x7f) *c = '_';
    for (int i = 1; !seen || *seen; i++) {
        text_clear(key);
        text_printf(key, i > 1 ? "%s-%d" : "%s", from, i);
        TRY(text_check(key, e));
        TRY(digest_map_put(&seen, &l->keys, key->bytes, key->n, e));
    }
    *seen = line;
    TRY(check_key(text_string(key), e));
done:
    return rc;
}

/* The captions of a sample, each with a NUL behind it. */
struct captions {
    struct text all;
    int n;
};

static enum status add_texts(struct captions *c, const struct json *value, struct error *e) {
    enum status rc = STATUS_OK;
    struct text one = {0};
    const bool is_list = value->kind == JSON_LIST;
    for (const struct json *item = is_list ? value->first : value; item;
         item = is_list ? item->next : NULL) {
        if (item->kind == JSON_NULL) continue;
        TRY(value_text(&one, item, e));
        if (!one.n) continue;
        text_append_bytes(&c->all, one.bytes, one.n + 1);
        c->n++;
    }
    TRY(text_check(&c->all, e));
done:
    text_release(&one);
    return rc;
}

static enum status add_captions(const struct list *l, struct captions *c, const struct json *row,
                                struct error *e) {
    enum status rc = STATUS_OK;
    for (int i = 0; i < l->n_captions; i++) {
        const struct json *value = json_find(row, l->caption[i]);
        if (value) TRY(add_texts(c, value, e));
    }
done:
    return rc;
}

/* One caption as it is; several on a line each. */
static enum status write_captions(struct make_writer *w, struct captions *c, struct error *e) {
    if (!c->n) return STATUS_OK;
    if (c->n == 1) return make_writer_add_bytes(w, "txt", c->all.bytes, c->all.n - 1, e);
    for (char *s = c->all.bytes; s < c->all.bytes + c->all.n; s++)
        *s = *s == '\n' || *s == '\r' ? ' ' : *s ? *s : '\n';
    w->made->several_captions++;
    return make_writer_add_bytes(w, "txt", c->all.bytes, c->all.n - 1, e);
}

static bool is_caption(const struct list *l, const char *field) {
    for (int i = 0; i < l->n_captions; i++)
        if (!strcmp(l->caption[i], field)) return true;
    return false;
}

/* All of the row but its picture; the captions, where they are from several rows, as one list. */
static enum status write_json(struct list *l, const struct json *row, const struct captions *c,
                              bool is_joined, struct error *e) {
    enum status rc = STATUS_OK;
    struct json_writer writer = {0};
    bool has_more = l->rows.kind == MAKE_ROWS_JSON;
    json_write_object_begin(&writer);
    for (const struct json *field = row->first; field; field = field->next) {
        const bool caption = is_caption(l, field->name);
        if (!strcmp(field->name, l->picture) || (caption && is_joined)) continue;
        has_more = has_more || (!caption && strcmp(field->name, l->key) != 0);
        json_write_name(&writer, field->name);
        json_write_value(&writer, field);
    }
    if (is_joined && l->n_captions) {
        json_write_name(&writer, l->caption[0]);
        json_write_list_begin(&writer);
        for (const char *s = c->all.bytes; s && s < c->all.bytes + c->all.n; s += strlen(s) + 1)
            json_write_text(&writer, s);
        json_write_list_end(&writer);
    }
    json_write_object_end(&writer);
    TRY(text_check(&writer.text, e));
    if (has_more && l->rows.kind != MAKE_ROWS_PLAIN)
        TRY(make_writer_add_bytes(l->writer, "json", writer.text.bytes, writer.text.n, e));
done:
    text_release(&writer.text);
    return rc;
}

static enum status begin_sample(struct list *l, const struct json *row, long line,
                                struct error *e) {
    enum status rc = STATUS_OK;
    struct text picture = {0}, key = {0};
    TRY(field_text(&picture, row, l->picture, e));
    const char *dot = strrchr(file_base_name(text_string(&picture)), '.');
    if (!dot)
        TRY(fail(e, STATUS_BAD_DATA, "'%.200s': expected a picture with .jpg, .png, .webp or .bmp",
                 text_string(&picture)));
    if (l->has_keys) {
        TRY(field_text(&key, row, l->key, e));
        TRY(check_key(text_string(&key), e));
    } else {
        TRY(make_key(l, &key, text_string(&picture), line, e));
    }
    TRY(make_writer_begin(l->writer, text_string(&key), e));
    TRY(make_writer_add_file(l->writer, dot + 1, text_string(&picture), e));
done:
    text_release(&picture);
    text_release(&key);
    return rc;
}

/* The sample whose first row is row i. */
static enum status write_sample(struct list *l, size_t i, struct error *e) {
    enum status rc = STATUS_OK;
    struct json_document *first = NULL, *document = NULL;
    struct captions captions = {0};
    const long line = l->row[i].row.line;
    TRY(make_rows_parse(&first, &l->rows, &l->row[i].row, e));
    TRY(begin_sample(l, json_root(first), line, e));
    TRY(add_captions(l, &captions, json_root(first), e));
    for (size_t j = l->row[i].next; j; j = l->row[j].next) {
        TRY(make_rows_parse(&document, &l->rows, &l->row[j].row, e));
        TRY(add_captions(l, &captions, json_root(document), e));
        json_destroy(&document);
        l->writer->made->joined++;
    }
    TRY(write_json(l, json_root(first), &captions, l->row[i].next != 0, e));
    TRY(write_captions(l->writer, &captions, e));
done:
    json_destroy(&first);
    json_destroy(&document);
    text_release(&captions.all);
    return rc;
}

static enum status refuse_missing(const struct list *l, struct error *e) {
    const struct shard_made *made = l->writer->made;
    if (!made->missing || l->writer->params->skip_missing) return STATUS_OK;
    return fail(e, STATUS_NOT_FOUND,
                "%.600s: no such picture (%lld of %zu are missing); expected paths from %.200s; "
                "--root DIR names another folder, --skip-missing leaves these out",
                made->first_missing, (long long)made->missing, l->n, l->writer->tree->root);
}

enum status make_list(struct make_writer *w, const char *path, const char *name, struct error *e) {
    enum status rc = STATUS_OK;
    const struct shard_make *p = w->params;
    const struct file_tree *folder = w->tree, root = {.root = p->root};
    struct list l = {.writer = w,
                     .rows = {.tree = folder,
                              .path = path,
                              .name = name,
                              .separator = p->separator,
                              .picture = p->picture_field,
                              .picture_names = picture_names}};
    if (p->root) w->tree = &root;
    TRY(make_rows_open(&l.rows, e));
    TRY(look_at_rows(&l, e));
    TRY(refuse_missing(&l, e));
    for (size_t i = 0; i < l.n; i++) {
        if (!l.row[i].is_first || l.row[i].is_missing) continue;
        text_clear(&w->place);
        text_printf(&w->place, "%s:%ld", name, l.row[i].row.line);
        rc = write_sample(&l, i, e);
        if (rc != STATUS_OK && !strstr(e->text, text_string(&w->place)))
            error_context(e, "%s", text_string(&w->place));
        if (rc != STATUS_OK) goto done;
        TRY(make_writer_end(w, e)); /* its errors may be those of the shard */
    }
done:
    w->tree = folder;
    text_clear(&w->place);
    digest_map_release(&l.keys);
    free(l.row);
    make_rows_release(&l.rows);
    return rc;
}
