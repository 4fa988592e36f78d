/* json: a strict JSON reader that knows the place of every value.
 *
 * Only this file includes cJSON. cJSON 1.7 accepts repeated names, trailing text, invalid UTF-8,
 * \u0000, 1e999 and 01, and loses bits of integers above 2^53. So json first scans the text by RFC
 * 8259 and reads numbers from the text itself. It also refuses nesting deeper than 32, repeated
 * names in an object, a byte order mark.
 *
 * Errors carry the place: `recipe.json:12:5: losses[1].weight: ...`. */
#ifndef PIPELINE_BASE_JSON_H
#define PIPELINE_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pipeline/base/status.h"
#include "pipeline/base/text.h"

#define JSON_KIND_LIST(X)                                                                          \
    X(NULL, "null")                                                                                \
    X(BOOL, "true or false")                                                                       \
    X(NUMBER, "a number")                                                                          \
    X(TEXT, "a text")                                                                              \
    X(LIST, "a list")                                                                              \
    X(OBJECT, "an object")

#define JSON_KIND_ENUM(name, text) JSON_##name,
enum json_kind { JSON_KIND_LIST(JSON_KIND_ENUM) };
#undef JSON_KIND_ENUM

struct json_document;

/* One value. Read only; it lives as long as the document. */
struct json {
    enum json_kind kind;
    bool boolean;    /* BOOL */
    bool is_integer; /* NUMBER: whole and within int64_t, so integer holds it exactly */
    int64_t integer;
    double number;
    const char *text; /* TEXT: UTF-8 without NUL inside */
    const char *name; /* the member's name in an object, else NULL */
    int index;        /* place among the children of parent */
    int n;            /* LIST, OBJECT: children */
    const struct json *parent;
    const struct json *first; /* first child, or NULL */
    const struct json *next;  /* next child of the same parent, or NULL */
    const struct json_document *document;
    size_t offset; /* where it starts in the source */
};

/* Parses n bytes. source is their name in messages. BAD_DATA with line and column. */
enum status json_parse(struct json_document **out, const char *bytes, size_t n, const char *source,
                       struct error *e);
/* Parses a file of at most limit bytes; 0: 1 MiB. Errors of file_read_all too. */
enum status json_read(struct json_document **out, const char *path, size_t limit, struct error *e);
void json_destroy(struct json_document **d);
const struct json *json_root(const struct json_document *d);

/* Sets or replaces the value at path ("a.b", "losses.0.weight" or "losses[0].weight"). Missing
 * objects on the way are created; missing list items are not, except that the index after the last
 * item appends. value is JSON; if it is not valid JSON it is a text, so device=cpu needs no quotes.
 * Later errors about the value give `origin` as its place. BAD_ARG when the path leads through a
 * value that is neither object nor list. */
enum status json_set(struct json_document *d, const char *path, const char *value,
                     const char *origin, struct error *e);

/* --- Lookup: linear in the number of members, so walk big objects by first and next. --- */

/* NULL when there is no such member, or object is NULL or not an object. */
const struct json *json_find(const struct json *object, const char *name);
/* BAD_DATA when it is missing; the text lists the members present. */
enum status json_member(const struct json *object, const char *name, const struct json **out,
                        struct error *e);
/* BAD_DATA when object has a member that is not in names; the text suggests the nearest name. */
enum status json_check_names(const struct json *object, const char *const *names, int n_names,
                             struct error *e);

/* --- Values; BAD_DATA for another kind or outside [min, max]. *out is then unchanged. --- */

enum status json_expect(const struct json *value, enum json_kind kind, struct error *e);
/* Also takes 1e6 and 3.0. */
enum status json_as_int(const struct json *value, int64_t min, int64_t max, int64_t *out,
                        struct error *e);
enum status json_as_double(const struct json *value, double min, double max, double *out,
                           struct error *e);
enum status json_as_bool(const struct json *value, bool *out, struct error *e);
enum status json_as_text(const struct json *value, const char **out, struct error *e);

/* A number as written in the source: *n bytes, without a NUL at the end. */
const char *json_number_written(const struct json *value, size_t *n);
/* Whether the value was set by json_set. */
bool json_is_setting(const struct json *value);

/* The same for a required member of object. */
enum status json_int(const struct json *object, const char *name, int64_t min, int64_t max,
                     int64_t *out, struct error *e);
enum status json_double(const struct json *object, const char *name, double min, double max,
                        double *out, struct error *e);
enum status json_bool(const struct json *object, const char *name, bool *out, struct error *e);
enum status json_text(const struct json *object, const char *name, const char **out,
                      struct error *e);

/* Fails with the place of value in front: "recipe.json:3:5: a.b[2]: " and the text. */
enum status json_fail(const struct json *value, struct error *e, enum status status,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Appends "a.b[2].c"; nothing for the root. */
void json_path(const struct json *value, struct text *out);
const char *json_kind_name(enum json_kind kind);

#endif
