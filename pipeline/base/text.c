#include "pipeline/base/text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_release(struct text *t) {
    free(t->bytes);
    *t = (struct text){0};
}

void text_clear(struct text *t) {
    t->n = 0;
    t->failed = false;
    if (t->bytes) t->bytes[0] = 0;
}

/* Room for n more bytes and the final NUL. */
static bool text_reserve(struct text *t, size_t n) {
    if (t->failed) return false;
    if (n > SIZE_MAX / 2 - t->n - 1) {
        t->failed = true;
        return false;
    }
    size_t need = t->n + n + 1;
    if (need <= t->capacity) return true;
    size_t capacity = t->capacity * 2 > need ? t->capacity * 2 : need + 32;
    char *bytes = realloc(t->bytes, capacity);
    if (!bytes) {
        t->failed = true;
        return false;
    }
    t->bytes = bytes;
    t->capacity = capacity;
    return true;
}

void text_append_bytes(struct text *t, const void *bytes, size_t n) {
    if (!text_reserve(t, n)) return;
    if (n) memcpy(t->bytes + t->n, bytes, n);
    t->n += n;
    t->bytes[t->n] = 0;
}

void text_append(struct text *t, const char *s) {
    text_append_bytes(t, s, strlen(s));
}

void text_append_char(struct text *t, char c) {
    text_append_bytes(t, &c, 1);
}

void text_vprintf(struct text *t, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    CHECK(n >= 0);
    if (text_reserve(t, (size_t)n)) {
        vsnprintf(t->bytes + t->n, (size_t)n + 1, format, again);
        t->n += (size_t)n;
    }
    va_end(again);
}

void text_printf(struct text *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    text_vprintf(t, format, args);
    va_end(args);
}

const char *text_string(const struct text *t) {
    return t->bytes ? t->bytes : "";
}

enum status text_check(const struct text *t, struct error *e) {
    if (t->failed) return fail(e, STATUS_NO_MEMORY, "no memory for a text of %zu bytes", t->n);
    return STATUS_OK;
}

char *text_copy(const char *s) {
    size_t n = strlen(s) + 1;
    char *copy = malloc(n);
    if (copy) memcpy(copy, s, n);
    return copy;
}

bool text_starts_with(const char *s, const char *prefix) {
    return !strncmp(s, prefix, strlen(prefix));
}

bool text_ends_with(const char *s, const char *suffix) {
    size_t n = strlen(s), n_suffix = strlen(suffix);
    return n >= n_suffix && !strcmp(s + n - n_suffix, suffix);
}

enum { DISTANCE_WORD_MAX = 64, DISTANCE_FAR = 1000 };

static int min_int(int a, int b) {
    return a < b ? a : b;
}

int text_distance(const char *a, const char *b) {
    size_t n_a = strlen(a), n_b = strlen(b);
    int rows[3][DISTANCE_WORD_MAX + 1]; /* the row being filled and the two before it */
    if (n_a > DISTANCE_WORD_MAX || n_b > DISTANCE_WORD_MAX) return strcmp(a, b) ? DISTANCE_FAR : 0;
    for (size_t j = 0; j <= n_b; j++) rows[0][j] = (int)j;
    for (size_t i = 1; i <= n_a; i++) {
        int *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = (int)i;
        for (size_t j = 1; j <= n_b; j++) {
            int best = above[j - 1] + (a[i - 1] != b[j - 1]);
            best = min_int(best, above[j] + 1);
            best = min_int(best, row[j - 1] + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = min_int(best, two_above[j - 2] + 1);
            row[j] = best;
        }
    }
    return rows[n_a % 3][n_b];
}

int text_nearest(const char *word, const char *const *words, int n_words) {
    int best = -1, best_distance = DISTANCE_FAR;
    for (int i = 0; i < n_words; i++) {
        int distance = text_distance(word, words[i]);
        if (distance < best_distance) {
            best = i;
            best_distance = distance;
        }
    }
    if (best < 0) return -1;
    size_t n_word = strlen(word), n_best = strlen(words[best]);
    int longer = (int)(n_word > n_best ? n_word : n_best);
    int allowed = longer / 3 > 2 ? longer / 3 : 2;
    /* Changing two letters of a three-letter word would be a guess, not a correction. */
    return best_distance <= allowed && best_distance < longer ? best : -1;
}

int text_utf8_length(const char *s, size_t n) {
    const unsigned char *p = (const unsigned char *)s;
    if (!n) return 0;
    if (p[0] < 0x80) return 1;
    int length = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    if (p[0] < 0xC2 || p[0] > 0xF4 || n < (size_t)length) return 0;
    for (int i = 1; i < length; i++)
        if ((p[i] & 0xC0) != 0x80) return 0;
    if (p[0] == 0xE0 && p[1] < 0xA0) return 0; /* overlong */
    if (p[0] == 0xED && p[1] > 0x9F) return 0; /* surrogates */
    if (p[0] == 0xF0 && p[1] < 0x90) return 0; /* overlong */
    if (p[0] == 0xF4 && p[1] > 0x8F) return 0; /* above U+10FFFF */
    return length;
}

/* Writes the character at s in printable form; returns how many bytes of s it takes. */
static size_t printable_piece(char piece[5], const char *s) {
    const unsigned char *p = (const unsigned char *)s;
    const int length = text_utf8_length(s, strnlen(s, 4));
    const bool is_control =
        p[0] < 0x20 || p[0] == 0x7F || (p[0] == 0xC2 && length == 2 && p[1] < 0xA0);
    if (p[0] == '\n' || p[0] == '\t' || p[0] == '\r') {
        snprintf(piece, 5, "\\%c", p[0] == '\n' ? 'n' : p[0] == '\t' ? 't' : 'r');
    } else if (length == 0 || is_control) {
        snprintf(piece, 5, "\\x%02X", p[0]);
    } else {
        memcpy(piece, s, (size_t)length);
        piece[length] = 0;
        return (size_t)length;
    }
    return 1;
}

void text_append_printable(struct text *t, const char *s) {
    char piece[5];
    while (*s) {
        s += printable_piece(piece, s);
        text_append(t, piece);
    }
}

void text_printable(char *out, size_t n, const char *s) {
    char piece[5];
    size_t used = 0;
    while (*s) {
        s += printable_piece(piece, s);
        const size_t length = strlen(piece);
        if (used + length >= n) break;
        memcpy(out + used, piece, length);
        used += length;
    }
    out[used] = 0;
}

const char *text_plural(int64_t n) {
    return n == 1 ? "" : "s";
}
