#include "pipeline/base/schema.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/base/text.h"

enum { FIELDS_MAX = 126 };

/* Blocks of memory that live as long as the source. */
struct memory {
    struct memory *next;
    _Alignas(max_align_t) unsigned char bytes[];
};

struct schema_source {
    struct json_document *document;
    struct memory *memory;
};

static void *keep(struct schema_source *s, size_t bytes) {
    struct memory *m = calloc(1, sizeof *m + bytes);
    if (!m) return NULL;
    m->next = s->memory;
    s->memory = m;
    return m->bytes;
}

/* --- Opening --- */

/* What is wrong with a configuration is the user's argument, not data. */
static enum status as_argument(enum status rc, struct error *e) {
    if (rc != STATUS_BAD_DATA && rc != STATUS_NOT_FOUND) return rc;
    if (e) e->status = STATUS_BAD_ARG;
    return STATUS_BAD_ARG;
}

static enum status change(struct json_document *d, const char *text, struct error *e) {
    enum status rc = STATUS_OK;
    struct text path = {0}, origin = {0};
    const char *equals = strchr(text, '=');
    if (!equals || equals == text)
        return fail(e, STATUS_BAD_ARG, "--set %s: expected a.b=value", text);
    text_append_bytes(&path, text, (size_t)(equals - text));
    text_printf(&origin, "--set %s", text);
    TRY(text_check(&path, e));
    TRY(text_check(&origin, e));
    TRY(json_set(d, text_string(&path), equals + 1, text_string(&origin), e));
done:
    text_release(&path);
    text_release(&origin);
    return rc;
}

static enum status source_begin(struct schema_source **out, struct json_document *document,
                                const char *const *changes, int n_changes, struct error *e) {
    enum status rc = STATUS_OK;
    struct schema_source *s = calloc(1, sizeof *s);
    if (!s) {
        json_destroy(&document);
        return fail(e, STATUS_NO_MEMORY, "no memory for a configuration");
    }
    s->document = document;
    for (int i = 0; i < n_changes; i++) TRY(change(document, changes[i], e));
done:
    if (rc != STATUS_OK) schema_destroy(&s);
    *out = s;
    return as_argument(rc, e);
}

enum status schema_open(struct schema_source **out, const char *path, const char *const *changes,
                        int n_changes, struct error *e) {
    struct json_document *d = NULL;
    *out = NULL;
    enum status rc = json_read(&d, path, 0, e);
    if (rc != STATUS_OK) return as_argument(rc, e);
    return source_begin(out, d, changes, n_changes, e);
}

enum status schema_parse(struct schema_source **out, const char *text, const char *source,
                         const char *const *changes, int n_changes, struct error *e) {
    struct json_document *d = NULL;
    *out = NULL;
    enum status rc = json_parse(&d, text, strlen(text), source, e);
    if (rc != STATUS_OK) return as_argument(rc, e);
    return source_begin(out, d, changes, n_changes, e);
}

void schema_destroy(struct schema_source **source) {
    struct schema_source *s = *source;
    if (!s) return;
    while (s->memory) {
        struct memory *next = s->memory->next;
        free(s->memory);
        s->memory = next;
    }
    json_destroy(&s->document);
    free(s);
    *source = NULL;
}

const struct json *schema_root(const struct schema_source *s) {
    return json_root(s->document);
}

/* --- Reading --- */

/* What names are allowed besides the fields. */
enum extra { EXTRA_NONE, EXTRA_TYPE, EXTRA_SCHEMA };
static const char *const extra_names[] = {NULL, "type", "$schema"};

static enum status read_object(struct schema_source *s, const struct schema *schema,
                               const struct json *object, enum extra extra, void *values,
                               struct error *e);

static bool has_range(const struct schema_field *f) {
    return f->min != 0 || f->max != 0;
}

static enum status no_memory(const struct json *value, struct error *e) {
    return json_fail(value, e, STATUS_NO_MEMORY, "no memory");
}

/* A number is a text in a setting, where nobody writes quotes: device=0, name=2024. */
static enum status read_text(struct schema_source *s, const struct json *value, const char **out,
                             struct error *e) {
    const char *text = NULL;
    size_t n;
    if (value->kind == JSON_NUMBER) {
        text = json_number_written(value, &n);
        if (!json_is_setting(value))
            return json_fail(value, e, STATUS_BAD_DATA,
                             "expected a text, found a number; write \"%.*s\"", (int)n, text);
    } else {
        enum status rc = json_as_text(value, &text, e);
        if (rc != STATUS_OK) return rc;
        n = strlen(text);
    }
    char *copy = keep(s, n + 1);
    if (!copy) return no_memory(value, e);
    memcpy(copy, text, n);
    copy[n] = 0;
    *out = copy;
    return STATUS_OK;
}

/* Limits of the length of a text or the number of items. */
static enum status check_count(const struct schema_field *f, const struct json *value, size_t n,
                               const char *unit, struct error *e) {
    if (!has_range(f) || ((double)n >= f->min && (double)n <= f->max)) return STATUS_OK;
    if (isinf(f->max))
        return json_fail(value, e, STATUS_BAD_DATA, "expected at least %.0f %s, found %zu", f->min,
                         unit, n);
    return json_fail(value, e, STATUS_BAD_DATA, "expected %.0f to %.0f %s, found %zu", f->min,
                     f->max, unit, n);
}

static enum status read_int(const struct schema_field *f, const struct json *value, int64_t *out,
                            struct error *e) {
    int64_t min = INT64_MIN, max = INT64_MAX;
    if (has_range(f) && f->min > -0x1p62) min = (int64_t)f->min;
    if (has_range(f) && f->max < 0x1p62) max = (int64_t)f->max;
    return json_as_int(value, min, max, out, e);
}

static enum status read_choice(const struct schema_field *f, const struct json *value, int *out,
                               struct error *e) {
    const char *text = NULL;
    struct text all = {0};
    int n = 0;
    enum status rc = json_as_text(value, &text, e);
    if (rc != STATUS_OK) return rc;
    for (; f->choices[n]; n++) {
        if (!strcmp(f->choices[n], text)) {
            *out = n;
            text_release(&all);
            return STATUS_OK;
        }
        text_printf(&all, "%s%s", n ? ", " : "", f->choices[n]);
    }
    int nearest = text_nearest(text, f->choices, n);
    rc = json_fail(value, e, STATUS_BAD_DATA, "expected one of %s; found '%s'%s%s%s",
                   text_string(&all), text, nearest < 0 ? "" : "; did you mean '",
                   nearest < 0 ? "" : f->choices[nearest], nearest < 0 ? "" : "'?");
    text_release(&all);
    return rc;
}

static enum status read_texts(struct schema_source *s, const struct json *value,
                              struct schema_texts *out, struct error *e) {
    enum status rc = STATUS_OK;
    const char **item = keep(s, (size_t)value->n * sizeof *item);
    if (!item) return no_memory(value, e);
    for (const struct json *c = value->first; c; c = c->next)
        TRY(read_text(s, c, &item[c->index], e));
    *out = (struct schema_texts){item, value->n};
done:
    return rc;
}

static enum status read_ints(struct schema_source *s, const struct schema_field *f,
                             const struct json *value, struct schema_ints *out, struct error *e) {
    enum status rc = STATUS_OK;
    int64_t *item = keep(s, (size_t)value->n * sizeof *item);
    if (!item) return no_memory(value, e);
    for (const struct json *c = value->first; c; c = c->next)
        TRY(read_int(f, c, &item[c->index], e));
    *out = (struct schema_ints){item, value->n};
done:
    return rc;
}

static enum status read_objects(struct schema_source *s, const struct schema_field *f,
                                const struct json *value, struct schema_objects *out,
                                struct error *e) {
    enum status rc = STATUS_OK;
    unsigned char *item = keep(s, (size_t)value->n * f->object->bytes);
    if (!item) return no_memory(value, e);
    for (const struct json *c = value->first; c; c = c->next)
        TRY(read_object(s, f->object, c, EXTRA_NONE, item + (size_t)c->index * f->object->bytes,
                        e));
    *out = (struct schema_objects){item, value->n};
done:
    return rc;
}

/* The variant that a text names. */
static enum status choose_variant(const struct schema_field *f, const struct json *text,
                                  const struct schema **out, struct error *e) {
    const char *names[FIELDS_MAX + 1] = {0};
    int chosen = 0;
    for (int i = 0; f->variants[i]; i++) {
        CHECK(i < FIELDS_MAX);
        names[i] = f->variants[i]->name;
    }
    struct schema_field choice = {.name = f->name, .kind = SCHEMA_CHOICE, .choices = names};
    const enum status rc = read_choice(&choice, text, &chosen, e);
    if (rc == STATUS_OK) *out = f->variants[chosen];
    return rc;
}

/* The variant that "type" names. */
static enum status find_variant(const struct schema_field *f, const struct json *object,
                                const struct schema **out, struct error *e) {
    const struct json *type = NULL;
    const enum status rc = json_member(object, "type", &type, e);
    return rc == STATUS_OK ? choose_variant(f, type, out, e) : rc;
}

static enum status read_variants(struct schema_source *s, const struct schema_field *f,
                                 const struct json *value, struct schema_variants *out,
                                 struct error *e) {
    enum status rc = STATUS_OK;
    struct schema_variant *item = keep(s, (size_t)value->n * sizeof *item);
    if (!item) return no_memory(value, e);
    for (const struct json *c = value->first; c; c = c->next) {
        struct schema_variant *variant = &item[c->index];
        TRY(find_variant(f, c, &variant->schema, e));
        void *values = keep(s, variant->schema->bytes);
        if (!values) return no_memory(value, e);
        TRY(read_object(s, variant->schema, c, EXTRA_TYPE, values, e));
        variant->values = values;
    }
    *out = (struct schema_variants){item, value->n};
done:
    return rc;
}

static enum status read_optional(struct schema_source *s, const struct schema_field *f,
                                 const struct json *value, const void **out, struct error *e) {
    *out = NULL;
    if (value->kind == JSON_NULL) return STATUS_OK;
    void *values = keep(s, f->object->bytes);
    if (!values) return no_memory(value, e);
    *out = values;
    return read_object(s, f->object, value, EXTRA_NONE, values, e);
}

static enum status read_list(struct schema_source *s, const struct schema_field *f,
                             const struct json *value, void *at, struct error *e) {
    enum status rc = json_expect(value, JSON_LIST, e);
    if (rc != STATUS_OK) return rc;
    if (f->kind == SCHEMA_INTS) return read_ints(s, f, value, at, e);
    rc = check_count(f, value, (size_t)value->n, "items", e);
    if (rc != STATUS_OK) return rc;
    if (f->kind == SCHEMA_TEXTS) return read_texts(s, value, at, e);
    if (f->kind == SCHEMA_OBJECTS) return read_objects(s, f, value, at, e);
    return read_variants(s, f, value, at, e);
}

static enum status read_field(struct schema_source *s, const struct schema_field *f,
                              const struct json *value, void *at, struct error *e) {
    enum status rc = STATUS_OK;
    double min = has_range(f) ? f->min : -INFINITY, max = has_range(f) ? f->max : INFINITY;
    switch (f->kind) {
    case SCHEMA_INT:
        return read_int(f, value, at, e);
    case SCHEMA_DOUBLE:
        return json_as_double(value, min, max, at, e);
    case SCHEMA_BOOL:
        return json_as_bool(value, at, e);
    case SCHEMA_TEXT:
        rc = read_text(s, value, at, e);
        if (rc == STATUS_OK) rc = check_count(f, value, strlen(*(const char **)at), "bytes", e);
        return rc;
    case SCHEMA_CHOICE:
        return read_choice(f, value, at, e);
    case SCHEMA_OBJECT:
        return read_object(s, f->object, value, EXTRA_NONE, at, e);
    case SCHEMA_OPTIONAL:
        return read_optional(s, f, value, at, e);
    default:
        return read_list(s, f, value, at, e);
    }
}

/* Presets go the same way as what the user writes; a wrong one is a bug in the table. */
static enum status read_preset(struct schema_source *s, const struct schema_field *f, void *at,
                               struct error *e) {
    struct json_document *d = NULL;
    enum status rc = json_parse(&d, f->preset, strlen(f->preset), f->name, e);
    if (rc == STATUS_OK) rc = read_field(s, f, json_root(d), at, e);
    CHECK(rc == STATUS_OK || rc == STATUS_NO_MEMORY);
    json_destroy(&d);
    return rc;
}

/* Answers an unknown key that the table has a hint for; json_check_names answers all others. */
static enum status check_hints(const struct schema *schema, const struct json *object,
                               struct error *e) {
    for (const struct json *c = object->first; c; c = c->next)
        for (const struct schema_hint *h = schema->hints; h && h->name; h++)
            if (!strcmp(c->name, h->name))
                return json_fail(c, e, STATUS_BAD_DATA, "unknown key; %s", h->text);
    return STATUS_OK;
}

/* The variant that an object chooses. */
static enum status find_chosen(const struct schema_field *f, const struct json *object,
                               const struct schema **out, struct error *e) {
    enum status rc = STATUS_OK;
    struct json_document *preset = NULL;
    const struct json *value = json_find(object, f->name);
    if (!value) {
        rc = json_parse(&preset, f->preset, strlen(f->preset), f->name, e);
        CHECK(rc == STATUS_OK || rc == STATUS_NO_MEMORY);
        value = preset ? json_root(preset) : NULL;
    }
    if (rc == STATUS_OK) rc = choose_variant(f, value, out, e);
    json_destroy(&preset);
    return rc;
}

/* All names that an object may have by its schema. */
static enum status add_names(const struct schema *schema, const struct json *object,
                             const char *names[FIELDS_MAX], int *n, struct error *e) {
    enum status rc = STATUS_OK;
    const struct schema *chosen;
    for (int i = 0; i < schema->n; i++) {
        CHECK(*n < FIELDS_MAX);
        names[(*n)++] = schema->field[i].name;
        if (schema->field[i].kind != SCHEMA_CHOSEN) continue;
        TRY(find_chosen(&schema->field[i], object, &chosen, e));
        TRY(add_names(chosen, object, names, n, e));
    }
done:
    return rc;
}

static enum status read_fields(struct schema_source *s, const struct schema *schema,
                               const struct json *object, void *values, struct error *e);

static enum status read_chosen(struct schema_source *s, const struct schema_field *f,
                               const struct json *object, struct schema_variants *out,
                               struct error *e) {
    enum status rc = STATUS_OK;
    const struct schema *chosen = NULL;
    TRY(find_chosen(f, object, &chosen, e));
    struct schema_variant *item = keep(s, sizeof *item);
    void *values = item ? keep(s, chosen->bytes) : NULL;
    if (!values) TRY(no_memory(object, e));
    TRY(read_fields(s, chosen, object, values, e));
    *item = (struct schema_variant){chosen, values};
    *out = (struct schema_variants){item, 1};
done:
    return rc;
}

static enum status read_fields(struct schema_source *s, const struct schema *schema,
                               const struct json *object, void *values, struct error *e) {
    enum status rc = STATUS_OK;
    for (int i = 0; i < schema->n; i++) {
        const struct schema_field *f = &schema->field[i];
        const struct json *value = json_find(object, f->name);
        void *at = (unsigned char *)values + f->offset;
        if (f->kind == SCHEMA_CHOSEN) {
            TRY(read_chosen(s, f, object, at, e));
        } else if (value) {
            TRY(read_field(s, f, value, at, e));
        } else if (f->preset) {
            TRY(read_preset(s, f, at, e));
        } else {
            rc = json_fail(object, e, STATUS_BAD_DATA, "'%s' is missing: %s", f->name,
                           f->help ? f->help : "it has no default");
            goto done;
        }
    }
done:
    return rc;
}

static enum status read_object(struct schema_source *s, const struct schema *schema,
                               const struct json *object, enum extra extra, void *values,
                               struct error *e) {
    enum status rc = STATUS_OK;
    const char *names[FIELDS_MAX + 1];
    int n = 0;
    TRY(json_expect(object, JSON_OBJECT, e));
    TRY(check_hints(schema, object, e));
    TRY(add_names(schema, object, names, &n, e));
    if (extra_names[extra]) names[n++] = extra_names[extra];
    TRY(json_check_names(object, names, n, e));
    TRY(read_fields(s, schema, object, values, e));
done:
    return rc;
}

enum status schema_read(struct schema_source *s, const struct schema *schema, void *values,
                        struct error *e) {
    memset(values, 0, schema->bytes);
    return as_argument(read_object(s, schema, schema_root(s), EXTRA_SCHEMA, values, e), e);
}

/* --- Writing --- */

/* COMPARED: fields that are not compared, and all inside them, are BLANK. */
enum writing { WRITE_ALL, WRITE_COMPARED, WRITE_BLANK };

static void write_object(const struct schema *schema, const void *values, enum writing writing,
                         struct json_writer *w);
static void write_fields(const struct schema *schema, const void *values, enum writing writing,
                         struct json_writer *w);

static void write_list(const struct schema_field *f, const void *at, enum writing writing,
                       struct json_writer *w) {
    json_write_list_begin(w);
    if (f->kind == SCHEMA_INTS) {
        const struct schema_ints *list = at;
        for (int i = 0; i < list->n; i++) json_write_int(w, list->item[i]);
    } else if (f->kind == SCHEMA_TEXTS) {
        const struct schema_texts *list = at;
        for (int i = 0; i < list->n; i++) json_write_text(w, list->item[i]);
    } else if (f->kind == SCHEMA_OBJECTS) {
        const struct schema_objects *list = at;
        for (int i = 0; i < list->n; i++)
            write_object(f->object,
                         (const unsigned char *)list->item + (size_t)i * f->object->bytes, writing,
                         w);
    } else {
        const struct schema_variants *list = at;
        for (int i = 0; i < list->n; i++) {
            json_write_object_begin(w);
            json_write_name(w, "type");
            json_write_text(w, list->item[i].schema->name);
            write_fields(list->item[i].schema, list->item[i].values, writing, w);
            json_write_object_end(w);
        }
    }
    json_write_list_end(w);
}

static void write_field(const struct schema_field *f, const void *at, enum writing writing,
                        struct json_writer *w) {
    switch (f->kind) {
    case SCHEMA_INT:
        json_write_int(w, *(const int64_t *)at);
        break;
    case SCHEMA_DOUBLE:
        json_write_double(w, *(const double *)at);
        break;
    case SCHEMA_BOOL:
        json_write_bool(w, *(const bool *)at);
        break;
    case SCHEMA_TEXT:
        json_write_text(w, *(const char *const *)at);
        break;
    case SCHEMA_CHOICE:
        json_write_text(w, f->choices[*(const int *)at]);
        break;
    case SCHEMA_OBJECT:
        write_object(f->object, at, writing, w);
        break;
    case SCHEMA_OPTIONAL: {
        const void *values = *(const void *const *)at;
        if (values)
            write_object(f->object, values, writing, w);
        else
            json_write_null(w);
        break;
    }
    default:
        write_list(f, at, writing, w);
    }
}

/* As a field of zeros is written. */
static void write_blank(const struct schema_field *f, struct json_writer *w) {
    switch (f->kind) {
    case SCHEMA_INT:
        json_write_int(w, 0);
        break;
    case SCHEMA_DOUBLE:
        json_write_double(w, 0);
        break;
    case SCHEMA_BOOL:
        json_write_bool(w, false);
        break;
    case SCHEMA_TEXT:
        json_write_text(w, "");
        break;
    case SCHEMA_CHOICE:
        json_write_text(w, f->choices[0]);
        break;
    case SCHEMA_OBJECT:
        write_object(f->object, NULL, WRITE_BLANK, w);
        break;
    case SCHEMA_OPTIONAL:
        json_write_null(w);
        break;
    default:
        json_write_list_begin(w);
        json_write_list_end(w);
    }
}

static void write_fields(const struct schema *schema, const void *values, enum writing writing,
                         struct json_writer *w) {
    for (int i = 0; i < schema->n; i++) {
        const struct schema_field *f = &schema->field[i];
        const unsigned char *at = values ? (const unsigned char *)values + f->offset : NULL;
        json_write_name(w, f->name);
        if (f->kind == SCHEMA_CHOSEN) {
            const struct schema_variants *chosen = (const void *)at;
            json_write_text(w, chosen->item->schema->name);
            write_fields(chosen->item->schema, chosen->item->values, writing, w);
            continue;
        }
        if (writing == WRITE_BLANK || (writing == WRITE_COMPARED && f->not_compared))
            write_blank(f, w);
        else
            write_field(f, at, writing, w);
    }
}

static void write_object(const struct schema *schema, const void *values, enum writing writing,
                         struct json_writer *w) {
    json_write_object_begin(w);
    write_fields(schema, values, writing, w);
    json_write_object_end(w);
}

void schema_write(const struct schema *schema, const void *values, struct json_writer *w) {
    write_object(schema, values, WRITE_ALL, w);
}

void schema_write_compared(const struct schema *schema, const void *values, struct json_writer *w) {
    write_object(schema, values, WRITE_COMPARED, w);
}

static bool is_preset(const struct schema_field *f, const char *written) {
    if (!f->preset) return false;
    const bool is_number = f->kind == SCHEMA_INT || f->kind == SCHEMA_DOUBLE;
    return is_number ? strtod(written, NULL) == strtod(f->preset, NULL) : !strcmp(written, f->preset);
}

void schema_append_changed(const struct schema *schema, const void *values, struct text *out) {
    const char *comma = "";
    for (int i = 0; i < schema->n; i++) {
        const struct schema_field *f = &schema->field[i];
        struct json_writer w = {0};
        if (f->kind > SCHEMA_CHOICE) continue;
        write_field(f, (const unsigned char *)values + f->offset, WRITE_ALL, &w);
        if (!is_preset(f, text_string(&w.text))) {
            text_printf(out, "%s%s %s", comma, f->name, text_string(&w.text));
            comma = ", ";
        }
        text_release(&w.text);
    }
}

/* --- JSON Schema --- */

static void describe_object(const struct schema *schema, enum extra extra, struct json_writer *w);

static void write_pair(struct json_writer *w, const char *name, const char *text) {
    json_write_name(w, name);
    json_write_text(w, text);
}

/* Limits under the names that the keyword family has: minimum, minLength, minItems. */
static void describe_limits(const struct schema_field *f, const char *min_name,
                            const char *max_name, struct json_writer *w) {
    if (!has_range(f)) return;
    if (!isinf(f->min)) {
        json_write_name(w, min_name);
        json_write_double(w, f->min);
    }
    if (!isinf(f->max)) {
        json_write_name(w, max_name);
        json_write_double(w, f->max);
    }
}

/* The items of a list: an object with its own members, begun and ended here. */
static void describe_items(const struct schema_field *f, struct json_writer *w) {
    json_write_name(w, "items");
    if (f->kind == SCHEMA_OBJECTS) {
        describe_object(f->object, EXTRA_NONE, w);
        return;
    }
    json_write_object_begin(w);
    if (f->kind == SCHEMA_INTS) {
        write_pair(w, "type", "integer");
        describe_limits(f, "minimum", "maximum", w);
    } else if (f->kind == SCHEMA_TEXTS) {
        write_pair(w, "type", "string");
    } else {
        json_write_name(w, "oneOf");
        json_write_list_begin(w);
        for (int i = 0; f->variants[i]; i++) describe_object(f->variants[i], EXTRA_TYPE, w);
        json_write_list_end(w);
    }
    json_write_object_end(w);
}

static void describe_kind(const struct schema_field *f, struct json_writer *w) {
    switch (f->kind) {
    case SCHEMA_INT:
    case SCHEMA_DOUBLE:
        write_pair(w, "type", f->kind == SCHEMA_INT ? "integer" : "number");
        describe_limits(f, "minimum", "maximum", w);
        break;
    case SCHEMA_BOOL:
        write_pair(w, "type", "boolean");
        break;
    case SCHEMA_TEXT:
        write_pair(w, "type", "string");
        describe_limits(f, "minLength", "maxLength", w);
        break;
    case SCHEMA_CHOICE:
        json_write_name(w, "enum");
        json_write_list_begin(w);
        for (int i = 0; f->choices[i]; i++) json_write_text(w, f->choices[i]);
        json_write_list_end(w);
        break;
    case SCHEMA_CHOSEN:
        json_write_name(w, "enum");
        json_write_list_begin(w);
        for (int i = 0; f->variants[i]; i++) json_write_text(w, f->variants[i]->name);
        json_write_list_end(w);
        break;
    case SCHEMA_OBJECT:
    case SCHEMA_OPTIONAL:
        json_write_name(w, "anyOf");
        json_write_list_begin(w);
        describe_object(f->object, EXTRA_NONE, w);
        if (f->kind == SCHEMA_OPTIONAL) {
            json_write_object_begin(w);
            write_pair(w, "type", "null");
            json_write_object_end(w);
        }
        json_write_list_end(w);
        break;
    default:
        write_pair(w, "type", "array");
        if (f->kind != SCHEMA_INTS) describe_limits(f, "minItems", "maxItems", w);
        describe_items(f, w);
    }
}

static void describe_field(const struct schema_field *f, struct json_writer *w) {
    json_write_name(w, f->name);
    json_write_object_begin(w);
    if (f->help) write_pair(w, "description", f->help);
    describe_kind(f, w);
    if (f->preset) {
        json_write_name(w, "default");
        json_write_raw(w, f->preset);
    }
    json_write_object_end(w);
}

/* The fields of all variants, those of one name once: an editor does not follow the choice. */
static void describe_chosen(const struct schema_field *f, struct json_writer *w) {
    for (int v = 0; f->variants[v]; v++)
        for (int i = 0; i < f->variants[v]->n; i++) {
            const struct schema_field *field = &f->variants[v]->field[i];
            bool is_new = true;
            for (int o = 0; o < v; o++)
                for (int k = 0; k < f->variants[o]->n; k++)
                    is_new = is_new && strcmp(f->variants[o]->field[k].name, field->name);
            if (is_new) describe_field(field, w);
        }
}

/* The members of an object's description; the caller begins and ends the object. */
static void describe_members(const struct schema *schema, enum extra extra, struct json_writer *w) {
    write_pair(w, "type", "object");
    if (schema->help) write_pair(w, "description", schema->help);
    json_write_name(w, "properties");
    json_write_object_begin(w);
    if (extra_names[extra]) {
        json_write_name(w, extra_names[extra]);
        json_write_object_begin(w);
        if (extra == EXTRA_TYPE)
            write_pair(w, "const", schema->name);
        else
            write_pair(w, "type", "string");
        json_write_object_end(w);
    }
    for (int i = 0; i < schema->n; i++) {
        describe_field(&schema->field[i], w);
        if (schema->field[i].kind == SCHEMA_CHOSEN) describe_chosen(&schema->field[i], w);
    }
    json_write_object_end(w);
    json_write_name(w, "required");
    json_write_list_begin(w);
    if (extra == EXTRA_TYPE) json_write_text(w, "type");
    for (int i = 0; i < schema->n; i++)
        if (!schema->field[i].preset) json_write_text(w, schema->field[i].name);
    json_write_list_end(w);
    json_write_name(w, "additionalProperties");
    json_write_bool(w, false);
}

static void describe_object(const struct schema *schema, enum extra extra, struct json_writer *w) {
    json_write_object_begin(w);
    describe_members(schema, extra, w);
    json_write_object_end(w);
}

void schema_write_json_schema(const struct schema *schema, struct json_writer *w) {
    json_write_object_begin(w);
    write_pair(w, "$schema", "https://json-schema.org/draft/2020-12/schema");
    write_pair(w, "title", schema->name);
    describe_members(schema, EXTRA_SCHEMA, w);
    json_write_object_end(w);
}
