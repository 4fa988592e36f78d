#include "data/shards/make_list.h"

#include <stdlib.h>
#include <string.h>

#include "data/shards/shard.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/json.h"
#include "pipeline/base/json_write.h"
#include "pipeline/base/text.h"

enum { LIST_BYTES_MAX = 1 << 30 };

struct seen_place {
    struct hash_128 key;
    long line; /* 0: free */
};

struct seen {
    struct seen_place *place;
    size_t n, capacity; /* a power of two */
};

struct list {
    struct make_writer *writer;
    long line;
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

static enum status see_key(struct list *l, const char *key, struct error *e) {
    const struct hash_128 digest = hash_128(key, strlen(key), 0);
    if (2 * l->seen.n >= l->seen.capacity) {
        enum status rc = seen_grow(&l->seen, e);
        if (rc != STATUS_OK) return rc;
    }
    struct seen_place *place = seen_find(&l->seen, digest);
    if (place->line)
        return fail(e, STATUS_BAD_DATA,
                    "key '%.200s' is in line %ld already; expected another key for each line", key,
                    place->line);
    *place = (struct seen_place){.key = digest, .line = l->line};
    l->seen.n++;
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
static enum status begin_listed(struct list *l, const char *key, const char *picture,
                                struct error *e) {
    enum status rc = STATUS_OK;
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
    if (!shard_split(text_string(&name), &n, &extension) || n != strlen(key))
        TRY(fail(e, STATUS_BAD_DATA, "key '%.200s': no dots are possible in a key's last part",
                 key));
    if (!dot)
        TRY(fail(e, STATUS_BAD_DATA, "'%.200s': expected a picture with .jpg, .png or .webp",
                 picture));
    TRY(see_key(l, key, e));
    TRY(make_writer_begin(l->writer, key, e));
    TRY(make_writer_add_file(l->writer, dot + 1, picture, e));
done:
    text_release(&name);
    return rc;
}

static enum status read_tsv_line(struct list *l, char *line, struct error *e) {
    enum status rc = STATUS_OK;
    char *field[3] = {line, NULL, NULL};
    for (int i = 1; i < 3 && field[i - 1]; i++) {
        field[i] = strchr(field[i - 1], '\t');
        if (field[i]) *field[i]++ = '\0';
    }
    if (!field[1]) return fail(e, STATUS_BAD_DATA, "expected key, tab, picture, tab, caption");
    TRY(begin_listed(l, field[0], field[1], e));
    if (field[2] && *field[2]) {
        for (char *c = field[2]; *c; c++)
            if (*c == '\t') *c = '\n';
        TRY(make_writer_add_bytes(l->writer, "txt", field[2], strlen(field[2]), e));
    }
done:
    return rc;
}

static enum status add_json_captions(struct list *l, const struct json *root, struct error *e) {
    enum status rc = STATUS_OK;
    const struct json *one = json_find(root, "caption"), *many = json_find(root, "captions");
    const char *s;
    struct text all = {0};
    if (!one && !many) return STATUS_OK;
    if (one) {
        TRY(json_as_text(one, &s, e));
        text_append(&all, s);
    }
    if (many) TRY(json_expect(many, JSON_LIST, e));
    for (const struct json *item = many ? many->first : NULL; item; item = item->next) {
        TRY(json_as_text(item, &s, e));
        if (all.n) text_append_char(&all, '\n');
        text_append(&all, s);
    }
    TRY(text_check(&all, e));
    TRY(make_writer_add_bytes(l->writer, "txt", all.bytes, all.n, e));
done:
    text_release(&all);
    return rc;
}

static enum status read_json_line(struct list *l, const char *line, struct error *e) {
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
    TRY(begin_listed(l, key, picture, e));
    TRY(add_json_captions(l, root, e));
    json_write_object_begin(&writer);
    for (const struct json *field = root->first; field; field = field->next) {
        if (!strcmp(field->name, "image")) continue;
        json_write_name(&writer, field->name);
        json_write_value(&writer, field);
    }
    json_write_object_end(&writer);
    TRY(text_check(&writer.text, e));
    TRY(make_writer_add_bytes(l->writer, "json", writer.text.bytes, writer.text.n, e));
done:
    text_release(&writer.text);
    json_destroy(&document);
    return rc;
}

enum status make_list(struct make_writer *w, const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    struct list l = {.writer = w};
    char *bytes = NULL;
    size_t n;
    const bool tsv = text_ends_with(path, ".tsv");
    TRY(file_read_all(&bytes, &n, path, LIST_BYTES_MAX, e));
    for (char *line = bytes, *next; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next) *next++ = '\0';
        l.line++;
        size_t length = strlen(line);
        if (length && line[length - 1] == '\r') line[--length] = '\0';
        if (!length) continue;
        rc = tsv ? read_tsv_line(&l, line, e) : read_json_line(&l, line, e);
        if (rc != STATUS_OK) error_context(e, "%s:%ld", path, l.line);
        if (rc != STATUS_OK) goto done;
        text_clear(&w->place);
        text_printf(&w->place, "%s:%ld", path, l.line);
        TRY(make_writer_end(w, e)); /* its errors may be those of the shard */
    }
done:
    text_clear(&w->place);
    free(l.seen.place);
    free(bytes);
    return rc;
}
