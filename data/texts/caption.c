#include "data/texts/caption.h"

#include <string.h>

#include "pipeline/base/status.h"

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void trim(const char **s, size_t *n) {
    while (*n && is_space((*s)[0])) {
        (*s)++;
        (*n)--;
    }
    while (*n && is_space((*s)[*n - 1])) (*n)--;
}

bool caption_next(const char **from, const char *end, enum caption_use use, const char **caption,
                  size_t *n) {
    while (*from < end) {
        const char *line_end = end;
        if (use != CAPTION_WHOLE) {
            const char *newline = memchr(*from, '\n', (size_t)(end - *from));
            if (newline) line_end = newline;
        }
        *caption = *from;
        *n = (size_t)(line_end - *from);
        *from = line_end < end ? line_end + 1 : end;
        trim(caption, n);
        if (!*n) continue;
        if (use == CAPTION_FIRST_LINE) *from = end;
        return true;
    }
    return false;
}

void caption_drop_tags(struct text *out, const char *caption, size_t n, float dropout,
                       struct random *random) {
    const char *end = caption + n, *colon = memchr(caption, ':', n);
    if (dropout <= 0 || !colon || colon == caption || colon + 1 >= end || colon[1] != ' ') {
        text_append_bytes(out, caption, n);
        return;
    }
    const bool keeps_label = random_float(random) >= dropout;
    const char *separator = keeps_label ? ": " : "";
    bool is_empty = !keeps_label;
    if (keeps_label) text_append_bytes(out, caption, (size_t)(colon - caption));
    for (const char *tag = colon + 2; tag < end;) {
        const char *comma = memchr(tag, ',', (size_t)(end - tag)), *word = tag;
        size_t length = (size_t)((comma ? comma : end) - tag);
        tag = comma ? comma + 1 : end;
        trim(&word, &length);
        if (random_float(random) < dropout || !length) continue;
        text_append(out, separator);
        text_append_bytes(out, word, length);
        separator = ", ";
        is_empty = false;
    }
    if (is_empty) text_append_bytes(out, caption, (size_t)(colon - caption));
}
