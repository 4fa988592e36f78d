#include "data/texts/unicode.h"
#include "data/texts/unicode_class_table.h"
#include "data/texts/unicode_compose_table.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

void unicode_release(struct unicode *u) {
    free(u->at);
    *u = (struct unicode){0};
}

void unicode_clear(struct unicode *u) {
    u->n = 0;
}

void unicode_append(struct unicode *u, uint32_t code) {
    if (u->n == u->capacity) {
        size_t capacity = u->capacity ? 2 * u->capacity : 64;
        uint32_t *larger = u->failed ? NULL : realloc(u->at, capacity * sizeof *larger);
        if (!larger) {
            u->failed = true;
            return;
        }
        u->at = larger;
        u->capacity = capacity;
    }
    u->at[u->n++] = code;
}

enum status unicode_check(const struct unicode *u, struct error *e) {
    return u->failed ? fail(e, STATUS_NO_MEMORY, "text: no memory") : STATUS_OK;
}

/* Reads one sequence at p (n > 0 bytes). Returns its length and the code point. For an invalid
 * prefix that is the length of the prefix and U+FFFD. The second byte's range excludes overlong
 * forms, surrogates and values above U+10FFFF (Unicode standard, table 3-7). */
static size_t read_utf8(uint32_t *code, const uint8_t *p, size_t n) {
    int more;
    uint8_t low = 0x80, high = 0xBF;
    *code = UNICODE_REPLACEMENT;
    if (p[0] < 0x80) {
        *code = p[0];
        return 1;
    }
    if (p[0] < 0xC2 || p[0] > 0xF4) return 1;
    more = p[0] < 0xE0 ? 1 : p[0] < 0xF0 ? 2 : 3;
    if (p[0] == 0xE0) low = 0xA0;
    if (p[0] == 0xED) high = 0x9F;
    if (p[0] == 0xF0) low = 0x90;
    if (p[0] == 0xF4) high = 0x8F;
    uint32_t value = p[0] & (0x3Fu >> more);
    for (int i = 1; i <= more; i++) {
        if ((size_t)i >= n || p[i] < low || p[i] > high) return (size_t)i;
        value = value << 6 | (p[i] & 0x3Fu);
        low = 0x80;
        high = 0xBF;
    }
    *code = value;
    return (size_t)more + 1;
}

int unicode_from_utf8(struct unicode *u, const char *text, size_t size) {
    const uint8_t *p = (const uint8_t *)text;
    int n_replaced = 0;
    for (size_t at = 0; at < size;) {
        uint32_t code;
        size_t length = read_utf8(&code, p + at, size - at);
        /* U+FFFD written in the text is not damage: it takes three bytes there. */
        if (code == UNICODE_REPLACEMENT && !(length == 3 && !memcmp(p + at, "\xEF\xBF\xBD", 3)))
            n_replaced++;
        unicode_append(u, code);
        at += length;
    }
    return n_replaced;
}

int unicode_to_utf8(char out[UNICODE_UTF8_MAX], uint32_t code) {
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const uint8_t lead[4] = {0, 0xC0, 0xE0, 0xF0};
    for (int i = more; i > 0; i--, code >>= 6) out[i] = (char)(0x80 | (code & 0x3F));
    out[0] = (char)(lead[more] | code);
    return more + 1;
}

/* Index of the last row of a sorted table whose first code point is <= code, or -1. */
#define FIND(table, field, code) find(&(table)[0].field, sizeof *(table), COUNT(table), code)

static int find(const uint32_t *field, size_t step, size_t n, uint32_t code) {
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        uint32_t first;
        memcpy(&first, (const char *)field + middle * step, sizeof first);
        if (first <= code)
            low = middle + 1;
        else
            high = middle;
    }
    return (int)low - 1;
}

enum unicode_class unicode_class(uint32_t code) {
    if (code < 0x80) {
        if ((code | 0x20) >= 'a' && (code | 0x20) <= 'z') return UNICODE_LETTER;
        if (code >= '0' && code <= '9') return UNICODE_NUMBER;
        return code == ' ' || (code >= 9 && code <= 13) ? UNICODE_SPACE : UNICODE_OTHER;
    }
    int i = FIND(class_table, first, code);
    return i >= 0 && code <= class_table[i].last ? class_table[i].kind : UNICODE_OTHER;
}

static uint32_t lower(uint32_t code) {
    if (code < 0x80) return code >= 'A' && code <= 'Z' ? code + 32 : code;
    int i = FIND(lower_table, first, code);
    if (i < 0 || code > lower_table[i].last) return code;
    if ((code - lower_table[i].first) % (uint32_t)lower_table[i].step) return code;
    return (uint32_t)((int32_t)code + lower_table[i].difference);
}

enum { SIGMA_NOTHING, SIGMA_CASED, SIGMA_IGNORED };

static int sigma_kind(uint32_t code) {
    int i = FIND(sigma_table, first, code);
    return i >= 0 && code <= sigma_table[i].last ? sigma_table[i].kind : SIGMA_NOTHING;
}

/* A capital sigma is final if a cased character precedes it and none follows, case-ignorable
 * characters skipped. */
static bool sigma_is_final(const struct unicode *in, size_t at) {
    size_t i = at;
    while (i > 0 && sigma_kind(in->at[i - 1]) == SIGMA_IGNORED) i--;
    if (i == 0 || sigma_kind(in->at[i - 1]) != SIGMA_CASED) return false;
    i = at + 1;
    while (i < in->n && sigma_kind(in->at[i]) == SIGMA_IGNORED) i++;
    return i == in->n || sigma_kind(in->at[i]) != SIGMA_CASED;
}

void unicode_lower(struct unicode *out, const struct unicode *in) {
    for (size_t i = 0; i < in->n; i++) {
        uint32_t code = in->at[i];
        if (code == 0x130) { /* I with dot: i and a combining dot */
            unicode_append(out, 'i');
            unicode_append(out, 0x307);
        } else if (code == 0x3A3) {
            unicode_append(out, sigma_is_final(in, i) ? 0x3C2 : 0x3C3);
        } else {
            unicode_append(out, lower(code));
        }
    }
}

void unicode_append_width(struct unicode *u, uint32_t code) {
    if (code == 0x3000) code = ' '; /* ideographic space */
    if (code >= width_table[0].code && code <= width_table[COUNT(width_table) - 1].code)
        for (size_t i = 0; i < COUNT(width_table); i++)
            if (width_table[i].code == code) {
                unicode_append(u, width_table[i].first);
                if (width_table[i].second) unicode_append(u, width_table[i].second);
                return;
            }
    unicode_append(u, code);
}

/* Hangul syllables are composed by arithmetic (Unicode standard, section 3.12). */
enum {
    HANGUL = 0xAC00,
    HANGUL_L = 0x1100,
    HANGUL_V = 0x1161,
    HANGUL_T = 0x11A7,
    HANGUL_NL = 19,
    HANGUL_NV = 21,
    HANGUL_NT = 28,
    HANGUL_N = HANGUL_NL * HANGUL_NV * HANGUL_NT,
};

static int combining_order(uint32_t code) {
    int i = FIND(combining_table, first, code);
    return i >= 0 && code <= combining_table[i].last ? combining_table[i].order : 0;
}

static void decompose(struct unicode *out, uint32_t code) {
    if (code >= HANGUL && code < HANGUL + HANGUL_N) {
        uint32_t s = code - HANGUL, t = s % HANGUL_NT;
        unicode_append(out, HANGUL_L + s / (HANGUL_NV * HANGUL_NT));
        unicode_append(out, HANGUL_V + s % (HANGUL_NV * HANGUL_NT) / HANGUL_NT);
        if (t) unicode_append(out, HANGUL_T + t);
        return;
    }
    int i = FIND(compose_table, code, code);
    if (i < 0 || compose_table[i].code != code) {
        unicode_append(out, code);
        return;
    }
    decompose(out, compose_table[i].first); /* the second never decomposes further */
    if (compose_table[i].second) unicode_append(out, compose_table[i].second);
}

/* The character that first and second make together, or 0. */
static uint32_t compose_pair(uint32_t first, uint32_t second) {
    if (first >= HANGUL_L && first < HANGUL_L + HANGUL_NL && second >= HANGUL_V &&
        second < HANGUL_V + HANGUL_NV)
        return HANGUL + ((first - HANGUL_L) * HANGUL_NV + second - HANGUL_V) * HANGUL_NT;
    if (first >= HANGUL && first < HANGUL + HANGUL_N && (first - HANGUL) % HANGUL_NT == 0 &&
        second > HANGUL_T && second < HANGUL_T + HANGUL_NT)
        return first + second - HANGUL_T;
    if (second < 0x300 || (second > 0x309A && second < 0x110BA)) return 0; /* no second character is
                                                                              in these ranges */
    for (size_t i = 0; i < COUNT(compose_table); i++)
        if (compose_table[i].composes && compose_table[i].first == first &&
            compose_table[i].second == second)
            return compose_table[i].code;
    return 0;
}

/* Sorts runs of combining characters into canonical order, stably. Runs in real text are short, so
 * insertion sort suffices and very long runs are cut off. */
static void sort_combining(struct unicode *u) {
    enum { RUN_MAX = 64 };
    size_t start = 0;
    for (size_t i = 0; i < u->n; i++) {
        int order = combining_order(u->at[i]);
        if (!order || i - start > RUN_MAX) {
            start = i + 1;
            continue;
        }
        uint32_t code = u->at[i];
        size_t j = i;
        for (; j > start && combining_order(u->at[j - 1]) > order; j--) u->at[j] = u->at[j - 1];
        u->at[j] = code;
    }
}

void unicode_compose(struct unicode *u) {
    struct unicode parts = {0};
    bool plain = true; /* below U+0300 everything that decomposes composes again */
    for (size_t i = 0; i < u->n; i++) plain = plain && u->at[i] < 0x300;
    if (plain) return;
    for (size_t i = 0; i < u->n; i++) decompose(&parts, u->at[i]);
    sort_combining(&parts);
    unicode_clear(u);
    size_t starter = SIZE_MAX; /* place in u of the last character with order 0 */
    int last = 0;              /* order of the character before, 0 right after a starter */
    for (size_t i = 0; i < parts.n; i++) {
        uint32_t code = parts.at[i];
        int order = combining_order(code);
        bool adjacent = starter != SIZE_MAX && starter == u->n - 1;
        uint32_t whole = 0;
        if (starter != SIZE_MAX && (adjacent || (last < order && last)))
            whole = compose_pair(u->at[starter], code);
        if (whole) {
            u->at[starter] = whole;
            continue;
        }
        if (!order) starter = u->n;
        last = order;
        unicode_append(u, code);
    }
    u->failed = u->failed || parts.failed;
    unicode_release(&parts);
}
