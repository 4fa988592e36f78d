/* text: a growing string, and a few functions on words.
 *
 * Running out of memory is sticky: later appends do nothing, and text_check reports it once at the
 * end. So building a text needs no branch per call. */
#ifndef PIPELINE_BASE_TEXT_H
#define PIPELINE_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pipeline/base/status.h"

/* Empty when zero-initialised. bytes ends with a NUL that n does not count; NULL while empty. */
struct text {
    char *bytes;
    size_t n;
    size_t capacity;
    bool failed; /* memory ran out; the content is incomplete */
};

void text_release(struct text *t);
/* Empties t and keeps its memory. */
void text_clear(struct text *t);
void text_append(struct text *t, const char *s);
void text_append_bytes(struct text *t, const void *bytes, size_t n);
void text_append_char(struct text *t, char c);
void text_printf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_vprintf(struct text *t, const char *format, va_list args);
/* The content as a C string: "" while empty. Valid until the next change of t. */
const char *text_string(const struct text *t);
/* Errors: NO_MEMORY if an append failed since the last clear. */
enum status text_check(const struct text *t, struct error *e);

/* A copy on the heap; NULL when out of memory. The caller frees it. */
char *text_copy(const char *s);
bool text_starts_with(const char *s, const char *prefix);
bool text_ends_with(const char *s, const char *suffix);

/* Restricted Damerau-Levenshtein distance of bytes: insert, delete, replace, swap neighbours cost 1
 * each. Words over 64 bytes count as far apart (1000). */
int text_distance(const char *a, const char *b);
/* Index of the word nearest to word, the first of equals. -1 when none is near enough to be a
 * likely typing error (more than a third of the longer word differs, and more than 2). */
int text_nearest(const char *word, const char *const *words, int n_words);

/* Length of the valid UTF-8 sequence at s (n bytes), 1 to 4. 0 when it is invalid, which includes
 * overlong forms, surrogates and values above U+10FFFF. */
int text_utf8_length(const char *s, size_t n);

/* Appends a text from outside (a shard's key, a file name, a caption) made safe for one line.
 * Control characters, U+0080 to U+009F included, and bytes that are not UTF-8 become \n, \t, \r or
 * \xHH, so nothing in it ends the line or moves a terminal's cursor. Other characters, backslashes
 * included, stay, so doing it twice changes nothing. */
void text_append_printable(struct text *t, const char *s);
/* The same into a buffer of n bytes, cut between two characters if it does not fit. */
void text_printable(char *out, size_t n, const char *s);

/* The plural ending for n things: "" for one, else "s". */
const char *text_plural(int64_t n);

#endif
