#include "pipeline/base/json_write.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void line_begin(struct json_writer *w) {
    if (!w->indent) return;
    text_append_char(&w->text, '\n');
    for (int i = 0; i < w->depth * w->indent; i++) text_append_char(&w->text, ' ');
}

/* Writes comma and line break before a name or an item; nothing before the value of a name. */
static void item_begin(struct json_writer *w) {
    if (w->after_name) {
        w->after_name = false;
        return;
    }
    if (!w->depth) return;
    if (w->has_item[w->depth - 1]) text_append(&w->text, w->indent ? "," : ", ");
    w->has_item[w->depth - 1] = true;
    line_begin(w);
}

static void level_begin(struct json_writer *w, char bracket) {
    item_begin(w);
    text_append_char(&w->text, bracket);
    CHECK(w->depth < JSON_WRITE_DEPTH_MAX);
    w->has_item[w->depth++] = false;
}

static void level_end(struct json_writer *w, char bracket) {
    CHECK(w->depth > 0 && !w->after_name);
    bool had_item = w->has_item[--w->depth];
    if (had_item) line_begin(w);
    text_append_char(&w->text, bracket);
}

void json_write_object_begin(struct json_writer *w) {
    level_begin(w, '{');
}

void json_write_object_end(struct json_writer *w) {
    level_end(w, '}');
}

void json_write_list_begin(struct json_writer *w) {
    level_begin(w, '[');
}

void json_write_list_end(struct json_writer *w) {
    level_end(w, ']');
}

static void append_quoted(struct text *t, const char *s) {
    size_t n = strlen(s);
    text_append_char(t, '"');
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)s[i];
        int length = text_utf8_length(s + i, n - i);
        if (!length) {
            text_append(t, "\xef\xbf\xbd");
            i++;
            continue;
        }
        if (c == '"' || c == '\\')
            text_printf(t, "\\%c", c);
        else if (c == '\n')
            text_append(t, "\\n");
        else if (c == '\t')
            text_append(t, "\\t");
        else if (c < 0x20)
            text_printf(t, "\\u%04x", c);
        else
            text_append_bytes(t, s + i, (size_t)length);
        i += (size_t)length;
    }
    text_append_char(t, '"');
}

void json_write_name(struct json_writer *w, const char *name) {
    CHECK(w->depth > 0 && !w->after_name);
    item_begin(w);
    append_quoted(&w->text, name);
    text_append(&w->text, ": ");
    w->after_name = true;
}

void json_write_text(struct json_writer *w, const char *value) {
    item_begin(w);
    if (value)
        append_quoted(&w->text, value);
    else
        text_append(&w->text, "null");
}

void json_write_int(struct json_writer *w, int64_t value) {
    item_begin(w);
    text_printf(&w->text, "%" PRId64, value);
}

void json_write_double(struct json_writer *w, double value) {
    char digits[40];
    item_begin(w);
    if (!isfinite(value)) {
        text_append(&w->text, "null");
        return;
    }
    for (int precision = 6; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (strtod(digits, NULL) == value) break;
    }
    text_append(&w->text, digits);
}

void json_write_float(struct json_writer *w, float value) {
    char digits[40];
    item_begin(w);
    if (!isfinite(value)) {
        text_append(&w->text, "null");
        return;
    }
    for (int precision = 6; precision <= 9; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, (double)value);
        if (strtof(digits, NULL) == value) break;
    }
    text_append(&w->text, digits);
}

void json_write_bool(struct json_writer *w, bool value) {
    item_begin(w);
    text_append(&w->text, value ? "true" : "false");
}

void json_write_null(struct json_writer *w) {
    item_begin(w);
    text_append(&w->text, "null");
}

void json_write_raw(struct json_writer *w, const char *json) {
    item_begin(w);
    text_append(&w->text, json);
}

void json_write_value(struct json_writer *w, const struct json *value) {
    switch (value->kind) {
    case JSON_NULL:
        json_write_null(w);
        break;
    case JSON_BOOL:
        json_write_bool(w, value->boolean);
        break;
    case JSON_NUMBER:
        if (value->is_integer)
            json_write_int(w, value->integer);
        else
            json_write_double(w, value->number);
        break;
    case JSON_TEXT:
        json_write_text(w, value->text);
        break;
    case JSON_LIST:
        json_write_list_begin(w);
        for (const struct json *c = value->first; c; c = c->next) json_write_value(w, c);
        json_write_list_end(w);
        break;
    case JSON_OBJECT:
        json_write_object_begin(w);
        for (const struct json *c = value->first; c; c = c->next) {
            json_write_name(w, c->name);
            json_write_value(w, c);
        }
        json_write_object_end(w);
        break;
    }
}
