/* schema: what may stand in a JSON configuration. One table per object reads it into a struct,
 * writes it back with every value, and describes it to editors as a JSON Schema.
 *
 *     struct train { int64_t steps; double rate; int device; };
 *     static const struct schema_field train_fields[] = {
 *         {"steps", SCHEMA_INT, offsetof(struct train, steps), .min = 1, .max = 1e9,
 *          .help = "updates"},                                      required: no preset
 *         {"rate", SCHEMA_DOUBLE, offsetof(struct train, rate), .min = 0, .max = 1,
 *          .preset = "1e-4", .help = "peak learning rate"},
 *         {"device", SCHEMA_CHOICE, offsetof(struct train, device), .choices = devices,
 *          .preset = "\"auto\"", .help = "where to compute"},
 *     };
 *     static const struct schema train_schema = SCHEMA("train", struct train, train_fields);
 *
 * Unknown keys, wrong kinds and values out of range are BAD_ARG with line, path and what is
 * allowed. "$schema" is allowed at the top, for editors. */
#ifndef PIPELINE_BASE_SCHEMA_H
#define PIPELINE_BASE_SCHEMA_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/base/json.h"
#include "pipeline/base/json_write.h"
#include "pipeline/base/status.h"

/* The comment says what lies at the offset. */
enum schema_kind {
    SCHEMA_INT,      /* int64_t, within [min, max] */
    SCHEMA_DOUBLE,   /* double, within [min, max] */
    SCHEMA_BOOL,     /* bool */
    SCHEMA_TEXT,     /* const char *, of min to max bytes; in a change also a number */
    SCHEMA_CHOICE,   /* int: index into choices */
    SCHEMA_INTS,     /* struct schema_ints, each within [min, max] */
    SCHEMA_TEXTS,    /* struct schema_texts, min to max of them */
    SCHEMA_OBJECT,   /* the struct of `object` itself */
    SCHEMA_OPTIONAL, /* pointer to the struct of `object`; NULL for null */
    SCHEMA_OBJECTS,  /* struct schema_objects: a list, min to max of them */
    SCHEMA_VARIANTS, /* struct schema_variants: a list; "type" chooses among `variants` */
    SCHEMA_CHOSEN,   /* struct schema_variants with one item: the text chooses among `variants`,
                        whose fields stand beside it in the same object; with a preset */
};

struct schema_ints {
    const int64_t *item;
    int n;
};

struct schema_texts {
    const char *const *item;
    int n;
};

struct schema_objects {
    const void *item; /* array of the struct of `object` */
    int n;
};

struct schema_variants {
    const struct schema_variant *item;
    int n;
};

struct schema;
struct schema_field {
    const char *name;
    enum schema_kind kind;
    size_t offset;
    double min, max;            /* both 0: any */
    const char *preset;         /* the default as JSON; NULL: the key is required */
    const char *const *choices; /* CHOICE; ends with NULL */
    const struct schema *object;
    const struct schema *const *variants; /* by their names; ends with NULL */
    const char *help;                     /* one sentence, with the unit */
    bool not_compared; /* whoever differs here alone, with all inside, counts as the same */
};

/* A key that other programs have and this one has not, and what to write instead. */
struct schema_hint {
    const char *name, *text;
};

struct schema {
    const char *name; /* of a variant: its "type" */
    size_t bytes;     /* of the struct */
    const struct schema_field *field;
    int n;
    const char *help;
    const struct schema_hint *hints; /* for unknown keys; ends with one without name; may be NULL */
};
#define SCHEMA(title, type, fields) SCHEMA_WITH(title, type, fields, NULL, NULL)
#define SCHEMA_HINTED(title, type, fields, list) SCHEMA_WITH(title, type, fields, NULL, list)
#define SCHEMA_HELPED(title, type, fields, text) SCHEMA_WITH(title, type, fields, text, NULL)
#define SCHEMA_WITH(title, type, fields, text, list)                                               \
    {                                                                                              \
        .name = (title), .bytes = sizeof(type), .field = (fields),                                 \
        .n = (int)(sizeof(fields) / sizeof(fields)[0]), .help = (text), .hints = (list)            \
    }

struct schema_variant {
    const struct schema *schema; /* which of the variants */
    const void *values;          /* its struct */
};

/* A configuration that was opened; owns all that the structs read from it point to. */
struct schema_source;

/* Opens a file and applies changes of the form "a.b=value" (see json_set). */
enum status schema_open(struct schema_source **out, const char *path, const char *const *changes,
                        int n_changes, struct error *e);
/* The same for a text; source names it in messages. */
enum status schema_parse(struct schema_source **out, const char *text, const char *source,
                         const char *const *changes, int n_changes, struct error *e);
void schema_destroy(struct schema_source **s);
/* The configuration as it was given, for what a table cannot say. */
const struct json *schema_root(const struct schema_source *s);

/* Fills values, a struct of schema->bytes bytes. May be called again with another schema. */
enum status schema_read(struct schema_source *s, const struct schema *schema, void *values,
                        struct error *e);

/* Writes an object with every field; reading it gives the same values. */
void schema_write(const struct schema *schema, const void *values, struct json_writer *w);
/* The same for comparison: what is not_compared is blank (0, false, "", [] or null). */
void schema_write_compared(const struct schema *schema, const void *values, struct json_writer *w);
/* Appends for a person the fields that have another value than their default, lists and objects
 * left out: "weight 0.5, student_texts true". */
void schema_append_changed(const struct schema *schema, const void *values, struct text *out);
/* Writes a JSON Schema (draft 2020-12). */
void schema_write_json_schema(const struct schema *schema, struct json_writer *w);

#endif
