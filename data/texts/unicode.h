/* unicode: code points for the tokenizer: UTF-8, classes, lower case, canonical composition.
 * The tables are made from Python's unicodedata by data/texts/unicode_tables.py. Nothing here
 * depends on the locale. */
#ifndef DATA_TEXTS_UNICODE_H
#define DATA_TEXTS_UNICODE_H

#include "pipeline/base/status.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UNICODE_UTF8_MAX = 4, UNICODE_REPLACEMENT = 0xFFFD };

enum unicode_class { UNICODE_OTHER, UNICODE_SPACE, UNICODE_LETTER, UNICODE_NUMBER };

/* Code points. Empty when zero-initialised. Running out of memory is sticky: later appends do
 * nothing and unicode_check reports it once, so callers need no branch per character. */
struct unicode {
    uint32_t *at;
    size_t n, capacity;
    bool failed;
};

void unicode_release(struct unicode *u);
/* Empties u and keeps its memory. */
void unicode_clear(struct unicode *u);
void unicode_append(struct unicode *u, uint32_t code);
/* Errors: NO_MEMORY if an append failed since u was zero. */
enum status unicode_check(const struct unicode *u, struct error *e);

/* Appends the code points of UTF-8 text. Each longest prefix of an invalid sequence becomes one
 * U+FFFD, as in Python and browsers. Returns the number of these. */
int unicode_from_utf8(struct unicode *u, const char *text, size_t size);
/* Writes 1 to 4 bytes; returns how many. */
int unicode_to_utf8(char out[UNICODE_UTF8_MAX], uint32_t code);

/* Letters are general category L, numbers N; white space is Unicode's property White_Space. */
enum unicode_class unicode_class(uint32_t code);

/* Appends Python's str.lower() of in: simple mappings, U+0130 as two code points, and the final
 * form of a sigma at the end of a word. */
void unicode_lower(struct unicode *out, const struct unicode *in);

/* Replaces u by its canonical composition (NFC). */
void unicode_compose(struct unicode *u);

/* Appends the ordinary form of a full-width or half-width character (NFKC); other code points
 * unchanged. */
void unicode_append_width(struct unicode *u, uint32_t code);

#endif
