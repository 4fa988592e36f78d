#include "pipeline/base/json.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/base/file.h"
#include "pipeline/base/json_write.h"

enum { DEPTH_MAX = 32, NUMBER_MAX = 60, LIMIT_DEFAULT = 1 << 20 };

struct json_document {
    char *source;      /* for messages */
    char *bytes;       /* the text, followed by a NUL */
    bool is_override;  /* made by json_set: its values have no line */
    cJSON *tree;       /* owns the texts and names */
    struct json *node; /* all values, in the order of the text */
    size_t n_nodes;
    struct json_document *next; /* added by json_set; owned by the first document */
};

/* --- Scan: checks the text by RFC 8259 and notes where each value starts. --- */

struct scan {
    const char *source;
    const char *bytes;
    size_t n;
    size_t at;
    int depth;
    size_t *offset; /* of each value */
    size_t n_values, capacity;
    struct error *e;
};

static void place_of(const char *bytes, size_t offset, int *line, int *column) {
    *line = *column = 1;
    for (size_t i = 0; i < offset; i++) {
        if (bytes[i] == '\n') {
            ++*line;
            *column = 1;
        } else {
            ++*column;
        }
    }
}

static enum status scan_fail(const struct scan *s, const char *expected) {
    char found[16];
    int line, column;
    place_of(s->bytes, s->at, &line, &column);
    if (s->at >= s->n)
        snprintf(found, sizeof found, "the end");
    else if (isprint((unsigned char)s->bytes[s->at]))
        snprintf(found, sizeof found, "'%c'", s->bytes[s->at]);
    else
        snprintf(found, sizeof found, "byte %02x", (unsigned char)s->bytes[s->at]);
    return fail(s->e, STATUS_BAD_DATA, "%s:%d:%d: not JSON; expected %s, found %s", s->source, line,
                column, expected, found);
}

static int scan_peek(const struct scan *s) {
    return s->at < s->n ? (unsigned char)s->bytes[s->at] : -1;
}

static void scan_space(struct scan *s) {
    while (s->at < s->n && strchr(" \t\r\n", s->bytes[s->at]) && s->bytes[s->at]) s->at++;
}

static bool scan_digits(struct scan *s) {
    size_t start = s->at;
    while (s->at < s->n && s->bytes[s->at] >= '0' && s->bytes[s->at] <= '9') s->at++;
    return s->at > start;
}

static enum status scan_number(struct scan *s) {
    size_t start = s->at;
    if (scan_peek(s) == '-') s->at++;
    if (scan_peek(s) == '0')
        s->at++;
    else if (!scan_digits(s))
        return scan_fail(s, "a digit");
    if (scan_peek(s) >= '0' && scan_peek(s) <= '9')
        return scan_fail(s, "no digit after a leading 0");
    if (scan_peek(s) == '.') {
        s->at++;
        if (!scan_digits(s)) return scan_fail(s, "a digit after the point");
    }
    if (scan_peek(s) == 'e' || scan_peek(s) == 'E') {
        s->at++;
        if (scan_peek(s) == '+' || scan_peek(s) == '-') s->at++;
        if (!scan_digits(s)) return scan_fail(s, "a digit of the exponent");
    }
    if (s->at - start > NUMBER_MAX) return scan_fail(s, "a number of at most 60 characters");
    /* The text ends with a NUL and numbers are short, so strtod stays inside. */
    if (!isfinite(strtod(s->bytes + start, NULL))) {
        s->at = start;
        return scan_fail(s, "a number within the range of a double");
    }
    return STATUS_OK;
}

/* The value of \uXXXX at s->at (at the first digit), or -1. */
static int scan_hex4(struct scan *s) {
    int value = 0;
    for (int i = 0; i < 4; i++) {
        int c = scan_peek(s);
        if (c < 0 || !isxdigit(c)) return -1;
        value = value * 16 + (c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
        s->at++;
    }
    return value;
}

static enum status scan_escape(struct scan *s) {
    int c = scan_peek(s);
    if (c > 0 && strchr("\"\\/bfnrt", c)) {
        s->at++;
        return STATUS_OK;
    }
    if (c != 'u') return scan_fail(s, "an escape that JSON knows");
    s->at++;
    int code = scan_hex4(s);
    if (code < 0) return scan_fail(s, "four hexadecimal digits");
    if (code == 0) return scan_fail(s, "no \\u0000 before this");
    if (code >= 0xDC00 && code <= 0xDFFF)
        return scan_fail(s, "no lone second half of a surrogate pair before this");
    if (code >= 0xD800 && code <= 0xDBFF) {
        if (s->n - s->at < 6 || s->bytes[s->at] != '\\' || s->bytes[s->at + 1] != 'u')
            return scan_fail(s, "the second half of a surrogate pair");
        s->at += 2;
        code = scan_hex4(s);
        if (code < 0xDC00 || code > 0xDFFF)
            return scan_fail(s, "the second half of a surrogate pair before this");
    }
    return STATUS_OK;
}

static enum status scan_text(struct scan *s) {
    if (scan_peek(s) != '"') return scan_fail(s, "'\"'");
    s->at++;
    for (;;) {
        int c = scan_peek(s);
        if (c < 0) return scan_fail(s, "'\"' at the end of a text");
        if (c == '"') {
            s->at++;
            return STATUS_OK;
        }
        if (c < 0x20) return scan_fail(s, "'\"' or an escape such as \\n in a text");
        if (c == '\\') {
            s->at++;
            enum status rc = scan_escape(s);
            if (rc != STATUS_OK) return rc;
            continue;
        }
        int length = text_utf8_length(s->bytes + s->at, s->n - s->at);
        if (!length) return scan_fail(s, "valid UTF-8");
        s->at += (size_t)length;
    }
}

static enum status scan_word(struct scan *s, const char *word) {
    size_t n = strlen(word);
    if (s->n - s->at < n || memcmp(s->bytes + s->at, word, n))
        return scan_fail(s, "true, false, null, a number, a text, a list or an object");
    s->at += n;
    return STATUS_OK;
}

static enum status scan_value(struct scan *s);

/* The children of a list or object, from its bracket to the end. */
static enum status scan_children(struct scan *s, char end) {
    enum status rc = STATUS_OK;
    if (++s->depth > DEPTH_MAX) return scan_fail(s, "at most 32 levels of nesting");
    s->at++;
    scan_space(s);
    if (scan_peek(s) == end) goto done;
    for (;;) {
        if (end == '}') {
            if (scan_peek(s) != '"') return scan_fail(s, "a name in double quotes");
            TRY(scan_text(s));
            scan_space(s);
            if (scan_peek(s) != ':') return scan_fail(s, "':'");
            s->at++;
            scan_space(s);
        }
        TRY(scan_value(s));
        scan_space(s);
        if (scan_peek(s) == end) break;
        if (scan_peek(s) != ',') return scan_fail(s, end == '}' ? "',' or '}'" : "',' or ']'");
        s->at++;
        scan_space(s);
        if (scan_peek(s) == end) return scan_fail(s, "a value after the comma");
    }
done:
    if (rc == STATUS_OK) s->at++;
    s->depth--;
    return rc;
}

static enum status scan_value(struct scan *s) {
    if (s->n_values == s->capacity) {
        s->capacity = s->capacity ? s->capacity * 2 : 64;
        size_t *offset = realloc(s->offset, s->capacity * sizeof *offset);
        if (!offset) return fail(s->e, STATUS_NO_MEMORY, "%s: no memory for its values", s->source);
        s->offset = offset;
    }
    s->offset[s->n_values++] = s->at;
    switch (scan_peek(s)) {
    case '{':
        return scan_children(s, '}');
    case '[':
        return scan_children(s, ']');
    case '"':
        return scan_text(s);
    case 't':
        return scan_word(s, "true");
    case 'f':
        return scan_word(s, "false");
    case 'n':
        return scan_word(s, "null");
    default:
        if (scan_peek(s) == '-' || (scan_peek(s) >= '0' && scan_peek(s) <= '9'))
            return scan_number(s);
        return scan_word(s, "true");
    }
}

static enum status scan_document(struct scan *s) {
    enum status rc = STATUS_OK;
    if (s->n >= 3 && !memcmp(s->bytes, "\xef\xbb\xbf", 3))
        return scan_fail(s, "no byte order mark");
    scan_space(s);
    TRY(scan_value(s));
    scan_space(s);
    if (s->at != s->n) return scan_fail(s, "nothing after the value");
done:
    return rc;
}

/* --- Values --- */

const char *json_number_written(const struct json *value, size_t *n) {
    const char *p = value->document->bytes + value->offset;
    *n = strspn(p, "+-.eE0123456789");
    return p;
}

bool json_is_setting(const struct json *value) {
    return value->document->is_override;
}

static void read_number(struct json *value) {
    size_t n;
    const char *p = json_number_written(value, &n);
    value->number = strtod(p, NULL);
    if (memchr(p, '.', n) || memchr(p, 'e', n) || memchr(p, 'E', n)) {
        value->is_integer = value->number == floor(value->number) && fabs(value->number) < 0x1p53;
        if (value->is_integer) value->integer = (int64_t)value->number;
        return;
    }
    errno = 0;
    value->integer = strtoll(p, NULL, 10);
    value->is_integer = errno == 0;
}

/* Fills nodes from the tree in the order in which the scan met the values. */
static struct json *nodes_fill(struct json_document *d, const cJSON *item, struct json *parent,
                               const size_t *offset) {
    struct json *value = &d->node[d->n_nodes];
    *value = (struct json){.name = parent && parent->kind == JSON_OBJECT ? item->string : NULL,
                           .parent = parent,
                           .document = d,
                           .offset = offset[d->n_nodes]};
    d->n_nodes++;
    if (cJSON_IsBool(item)) {
        value->kind = JSON_BOOL;
        value->boolean = cJSON_IsTrue(item);
    } else if (cJSON_IsNumber(item)) {
        value->kind = JSON_NUMBER;
        read_number(value);
    } else if (cJSON_IsString(item)) {
        value->kind = JSON_TEXT;
        value->text = item->valuestring;
    } else if (cJSON_IsArray(item) || cJSON_IsObject(item)) {
        struct json *previous = NULL;
        value->kind = cJSON_IsArray(item) ? JSON_LIST : JSON_OBJECT;
        for (const cJSON *c = item->child; c; c = c->next) {
            struct json *child = nodes_fill(d, c, value, offset);
            child->index = value->n++;
            if (previous)
                previous->next = child;
            else
                value->first = child;
            previous = child;
        }
    }
    return value;
}

static int compare_names(const void *a, const void *b) {
    const struct json *x = *(const struct json *const *)a, *y = *(const struct json *const *)b;
    int order = strcmp(x->name, y->name);
    return order ? order : (x->offset > y->offset) - (x->offset < y->offset);
}

/* Sorted, because objects may have tens of thousands of members. */
static enum status check_repeated(const struct json_document *d, struct error *e) {
    enum status rc = STATUS_OK;
    const struct json **sorted = malloc((d->n_nodes + 1) * sizeof(void *));
    if (!sorted) return fail(e, STATUS_NO_MEMORY, "%s: no memory for its names", d->source);
    for (size_t i = 0; i < d->n_nodes && rc == STATUS_OK; i++) {
        size_t n = 0;
        if (d->node[i].kind != JSON_OBJECT) continue;
        for (const struct json *c = d->node[i].first; c; c = c->next) sorted[n++] = c;
        if (n) qsort(sorted, n, sizeof *sorted, compare_names);
        for (size_t k = 1; k < n && rc == STATUS_OK; k++)
            if (!strcmp(sorted[k - 1]->name, sorted[k]->name))
                rc = json_fail(sorted[k], e, STATUS_BAD_DATA, "name used twice");
    }
    free(sorted);
    return rc;
}

enum status json_parse(struct json_document **out, const char *bytes, size_t n, const char *source,
                       struct error *e) {
    enum status rc = STATUS_OK;
    struct scan scan = {.source = source, .n = n, .e = e};
    struct json_document *d = calloc(1, sizeof *d);
    *out = NULL;
    if (!d) return fail(e, STATUS_NO_MEMORY, "%s: no memory for a document", source);
    d->source = text_copy(source);
    d->bytes = malloc(n + 1);
    if (!d->source || !d->bytes) {
        rc = fail(e, STATUS_NO_MEMORY, "%s: no memory for %zu bytes", source, n);
        goto done;
    }
    if (n) memcpy(d->bytes, bytes, n);
    d->bytes[n] = 0;
    scan.bytes = d->bytes;
    TRY(scan_document(&scan));
    d->tree = cJSON_ParseWithLength(d->bytes, n);
    d->node = calloc(scan.n_values, sizeof *d->node);
    if (!d->tree || !d->node) {
        rc = fail(e, STATUS_NO_MEMORY, "%s: no memory for %zu values", source, scan.n_values);
        goto done;
    }
    nodes_fill(d, d->tree, NULL, scan.offset);
    CHECK(d->n_nodes == scan.n_values);
    TRY(check_repeated(d, e));
done:
    free(scan.offset);
    if (rc != STATUS_OK) json_destroy(&d);
    *out = d;
    return rc;
}

enum status json_read(struct json_document **out, const char *path, size_t limit, struct error *e) {
    enum status rc = STATUS_OK;
    char *bytes = NULL;
    size_t n = 0;
    *out = NULL;
    TRY(file_read_all(&bytes, &n, path, limit ? limit : LIMIT_DEFAULT, e));
    TRY(json_parse(out, bytes, n, path, e));
done:
    free(bytes);
    return rc;
}

void json_destroy(struct json_document **document) {
    struct json_document *d = *document;
    while (d) {
        struct json_document *next = d->next;
        cJSON_Delete(d->tree);
        free(d->node);
        free(d->bytes);
        free(d->source);
        free(d);
        d = next;
    }
    *document = NULL;
}

const struct json *json_root(const struct json_document *d) {
    return &d->node[0];
}

/* --- Setting a value from outside --- */

/* Takes the next part of a path ("a.b[0].c": a, b, 0, c) from *path. False at the end. */
static bool path_part(const char **path, char *out, size_t out_bytes) {
    const char *p = *path + strspn(*path, ".[]");
    size_t n = strcspn(p, ".[]");
    if (!n || n >= out_bytes) return false;
    memcpy(out, p, n);
    out[n] = 0;
    *path = p + n + strspn(p + n, ".[]");
    return true;
}

/* Parses a value given to json_set into a document of its own, which lives as long as d. */
static enum status override_parse(struct json_document *d, const struct text *text,
                                  const char *origin, struct json **out, struct error *e) {
    enum status rc = STATUS_OK;
    struct json_document *added = NULL;
    TRY(text_check(text, e));
    TRY(json_parse(&added, text->bytes, text->n, origin, e));
    added->is_override = true;
    added->next = d->next;
    d->next = added;
    *out = added->node;
done:
    return rc;
}

/* *is_json is false only when the text is invalid; running out of memory is an error. */
static enum status look_json(const char *text, bool *is_json, struct error *e) {
    struct json_document *d = NULL;
    const enum status rc = json_parse(&d, text, strlen(text), "", e);
    json_destroy(&d);
    *is_json = rc == STATUS_OK;
    return rc == STATUS_NO_MEMORY ? rc : STATUS_OK;
}

/* Puts value in the place of old, or at the end of parent when old is NULL. */
static void child_put(struct json *parent, struct json *old, struct json *value) {
    value->parent = parent;
    value->next = old ? old->next : NULL;
    value->index = old ? old->index : parent->n++;
    if (value->index == 0) {
        parent->first = value;
        return;
    }
    struct json *before = (struct json *)parent->first;
    for (int i = 1; i < value->index; i++) before = (struct json *)before->next;
    before->next = value;
}

/* Finds the child of parent named part. NULL: it may be added; BAD_ARG: it may not. */
static enum status child_find(struct json *parent, const char *part, struct json **out,
                              struct error *e) {
    *out = NULL;
    if (parent->kind == JSON_OBJECT) {
        *out = (struct json *)json_find(parent, part);
        return STATUS_OK;
    }
    if (parent->kind != JSON_LIST)
        return json_fail(parent, e, STATUS_BAD_ARG,
                         "is %s; expected an object or a list, because '%s' is to be set in it",
                         json_kind_name(parent->kind), part);
    char *end = NULL;
    long index = strtol(part, &end, 10);
    if (*end || index < 0 || index > parent->n)
        return json_fail(parent, e, STATUS_BAD_ARG,
                         "no such item; expected an index from 0 to %d, found '%s'", parent->n,
                         part);
    for (const struct json *c = parent->first; c; c = c->next)
        if (c->index == index) *out = (struct json *)c;
    return STATUS_OK;
}

enum status json_set(struct json_document *d, const char *path, const char *value,
                     const char *origin, struct error *e) {
    enum status rc = STATUS_OK;
    struct json *at = d->node, *child = NULL, *added = NULL;
    struct json_writer w = {0};
    const char *rest = path;
    char part[256];
    int n_objects = 0;
    bool is_json;
    for (;;) { /* down to the value, or to the first missing object */
        if (!path_part(&rest, part, sizeof part)) {
            rc = fail(e, STATUS_BAD_ARG, "%s: wrong path '%s'; expected a.b=value", origin, path);
            goto done;
        }
        TRY(child_find(at, part, &child, e));
        if (!child || !*rest) break;
        at = child;
    }
    /* Write the value with its name and the missing objects around it; parse that as a document. */
    bool is_member = at->kind == JSON_OBJECT, more = true;
    if (!is_member) more = path_part(&rest, part, sizeof part);
    while (more) {
        if (n_objects == DEPTH_MAX) {
            rc = fail(e, STATUS_BAD_ARG, "%.200s: path of more than %d levels; expected a.b=value",
                      origin, DEPTH_MAX);
            goto done;
        }
        json_write_object_begin(&w);
        json_write_name(&w, part);
        n_objects++;
        more = path_part(&rest, part, sizeof part);
    }
    TRY(look_json(value, &is_json, e));
    if (is_json)
        json_write_raw(&w, value);
    else
        json_write_text(&w, value);
    while (n_objects-- > 0) json_write_object_end(&w);
    TRY(override_parse(d, &w.text, origin, &added, e));
    child_put(at, child, is_member ? (struct json *)added->first : added);
done:
    text_release(&w.text);
    return rc;
}

/* --- Lookup and values --- */

const struct json *json_find(const struct json *object, const char *name) {
    if (!object || object->kind != JSON_OBJECT) return NULL;
    for (const struct json *c = object->first; c; c = c->next)
        if (!strcmp(c->name, name)) return c;
    return NULL;
}

enum status json_member(const struct json *object, const char *name, const struct json **out,
                        struct error *e) {
    enum status rc = json_expect(object, JSON_OBJECT, e);
    struct text names = {0};
    *out = NULL;
    if (rc != STATUS_OK) return rc;
    *out = json_find(object, name);
    if (*out) return STATUS_OK;
    for (const struct json *c = object->first; c && names.n < 200; c = c->next)
        text_printf(&names, "%s%s", c == object->first ? "" : ", ", c->name);
    rc = json_fail(object, e, STATUS_BAD_DATA, "'%s' is missing; found %s", name,
                   object->n ? text_string(&names) : "nothing");
    text_release(&names);
    return rc;
}

enum status json_check_names(const struct json *object, const char *const *names, int n_names,
                             struct error *e) {
    enum status rc = json_expect(object, JSON_OBJECT, e);
    if (rc != STATUS_OK) return rc;
    for (const struct json *c = object->first; c; c = c->next) {
        bool known = false;
        for (int i = 0; i < n_names && !known; i++) known = !strcmp(c->name, names[i]);
        if (known) continue;
        int nearest = text_nearest(c->name, names, n_names);
        if (nearest >= 0)
            return json_fail(c, e, STATUS_BAD_DATA, "unknown key; did you mean '%s'?",
                             names[nearest]);
        struct text all = {0};
        for (int i = 0; i < n_names; i++) text_printf(&all, "%s%s", i ? ", " : "", names[i]);
        rc = json_fail(c, e, STATUS_BAD_DATA, "unknown key; expected one of %s", text_string(&all));
        text_release(&all);
        return rc;
    }
    return STATUS_OK;
}

const char *json_kind_name(enum json_kind kind) {
#define JSON_KIND_CASE(name, text)                                                                 \
    case JSON_##name:                                                                              \
        return text;
    switch (kind) { JSON_KIND_LIST(JSON_KIND_CASE) }
#undef JSON_KIND_CASE
    return "?";
}

enum status json_expect(const struct json *value, enum json_kind kind, struct error *e) {
    if (value->kind == kind) return STATUS_OK;
    return json_fail(value, e, STATUS_BAD_DATA, "wrong kind of value; expected %s, found %s%s",
                     json_kind_name(kind), json_kind_name(value->kind),
                     kind == JSON_LIST ? "; a list of one has brackets too: [...]" : "");
}

enum status json_as_int(const struct json *value, int64_t min, int64_t max, int64_t *out,
                        struct error *e) {
    enum status rc = json_expect(value, JSON_NUMBER, e);
    if (rc != STATUS_OK) return rc;
    if (!value->is_integer)
        return json_fail(value, e, STATUS_BAD_DATA,
                         "wrong value; expected a whole number, found %.17g", value->number);
    if (value->integer < min && max == INT64_MAX)
        return json_fail(value, e, STATUS_BAD_DATA,
                         "out of range; expected at least %" PRId64 ", found %" PRId64, min,
                         value->integer);
    if (value->integer < min || value->integer > max)
        return json_fail(value, e, STATUS_BAD_DATA,
                         "out of range; expected %" PRId64 " to %" PRId64 ", found %" PRId64, min,
                         max, value->integer);
    *out = value->integer;
    return STATUS_OK;
}

enum status json_as_double(const struct json *value, double min, double max, double *out,
                           struct error *e) {
    enum status rc = json_expect(value, JSON_NUMBER, e);
    if (rc != STATUS_OK) return rc;
    if (!(value->number >= min) && isinf(max))
        return json_fail(value, e, STATUS_BAD_DATA, "out of range; expected at least %g, found %g",
                         min, value->number);
    if (!(value->number >= min && value->number <= max))
        return json_fail(value, e, STATUS_BAD_DATA, "out of range; expected %g to %g, found %g",
                         min, max, value->number);
    *out = value->number;
    return STATUS_OK;
}

enum status json_as_bool(const struct json *value, bool *out, struct error *e) {
    enum status rc = json_expect(value, JSON_BOOL, e);
    if (rc == STATUS_OK) *out = value->boolean;
    return rc;
}

enum status json_as_text(const struct json *value, const char **out, struct error *e) {
    enum status rc = json_expect(value, JSON_TEXT, e);
    if (rc == STATUS_OK) *out = value->text;
    return rc;
}

enum status json_int(const struct json *object, const char *name, int64_t min, int64_t max,
                     int64_t *out, struct error *e) {
    const struct json *value = NULL;
    enum status rc = json_member(object, name, &value, e);
    return rc == STATUS_OK ? json_as_int(value, min, max, out, e) : rc;
}

enum status json_double(const struct json *object, const char *name, double min, double max,
                        double *out, struct error *e) {
    const struct json *value = NULL;
    enum status rc = json_member(object, name, &value, e);
    return rc == STATUS_OK ? json_as_double(value, min, max, out, e) : rc;
}

enum status json_bool(const struct json *object, const char *name, bool *out, struct error *e) {
    const struct json *value = NULL;
    enum status rc = json_member(object, name, &value, e);
    return rc == STATUS_OK ? json_as_bool(value, out, e) : rc;
}

enum status json_text(const struct json *object, const char *name, const char **out,
                      struct error *e) {
    const struct json *value = NULL;
    enum status rc = json_member(object, name, &value, e);
    return rc == STATUS_OK ? json_as_text(value, out, e) : rc;
}

void json_path(const struct json *value, struct text *out) {
    if (!value->parent) return;
    json_path(value->parent, out);
    if (value->parent->kind == JSON_LIST)
        text_printf(out, "[%d]", value->index);
    else
        text_printf(out, "%s%s", value->parent->parent ? "." : "", value->name);
}

enum status json_fail(const struct json *value, struct error *e, enum status status,
                      const char *format, ...) {
    const struct json_document *d = value->document;
    struct text message = {0};
    int line, column;
    va_list args;
    place_of(d->bytes, value->offset, &line, &column);
    text_append(&message, d->source);
    if (!d->is_override) text_printf(&message, ":%d:%d", line, column);
    text_append(&message, ": ");
    size_t n = message.n;
    json_path(value, &message);
    if (message.n > n) text_append(&message, ": ");
    va_start(args, format);
    text_vprintf(&message, format, args);
    va_end(args);
    fail(e, status, "%s", text_string(&message));
    text_release(&message);
    return status;
}
