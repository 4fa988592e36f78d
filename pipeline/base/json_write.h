/* json_write: a JSON writer. Running out of memory is reported once, by text_check(&w->text, e) at
 * the end. */
#ifndef PIPELINE_BASE_JSON_WRITE_H
#define PIPELINE_BASE_JSON_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "pipeline/base/json.h"
#include "pipeline/base/text.h"

enum { JSON_WRITE_DEPTH_MAX = 64 };

/* Zero-initialised: everything on one line. */
struct json_writer {
    struct text text; /* the result; the caller releases it */
    int indent;       /* spaces per level; 0: all on one line */
    int depth;
    bool has_item[JSON_WRITE_DEPTH_MAX]; /* per level: a comma is due before the next item */
    bool after_name;
};

void json_write_object_begin(struct json_writer *w);
void json_write_object_end(struct json_writer *w);
void json_write_list_begin(struct json_writer *w);
void json_write_list_end(struct json_writer *w);
void json_write_name(struct json_writer *w, const char *name);
/* Bytes that are not valid UTF-8 become U+FFFD. NULL is written as null. */
void json_write_text(struct json_writer *w, const char *value);
void json_write_int(struct json_writer *w, int64_t value);
/* The fewest digits that read back as the same double or float; null when not finite. */
void json_write_double(struct json_writer *w, double value);
void json_write_float(struct json_writer *w, float value);
void json_write_bool(struct json_writer *w, bool value);
void json_write_null(struct json_writer *w);
/* Writes text that is already JSON, unchanged. */
void json_write_raw(struct json_writer *w, const char *json);
/* Writes a value that was read, with everything inside it. */
void json_write_value(struct json_writer *w, const struct json *value);

#endif
