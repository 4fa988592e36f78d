#include "data/texts/html.h"
#include "data/texts/html_table.h"

#include <string.h>

enum { NAME_MAX_CODES = 32, STRICT_MAX_CODES = 24 };

uint32_t html_windows(uint32_t code) {
    return code >= 0x80 && code < 0xA0 ? windows_table[code - 0x80] : code;
}

static bool is_digit(uint32_t c, bool hex) {
    if (c >= '0' && c <= '9') return true;
    return hex && (c | 0x20) >= 'a' && (c | 0x20) <= 'f';
}

/* Code points that a reference may not name; such references are dropped. */
static bool is_invalid(uint32_t n) {
    return (n >= 1 && n <= 8) || n == 0xB || (n >= 0xE && n <= 0x1F) || (n >= 0x7F && n <= 0x9F) ||
           (n >= 0xFDD0 && n <= 0xFDEF) || (n & 0xFFFE) == 0xFFFE;
}

/* Reads a number after "&#" at `at`. Returns the number of code points used, 0 if there is no
 * number. */
static size_t read_number(uint32_t *value, const struct unicode *in, size_t at) {
    size_t i = at;
    bool hex = i < in->n && (in->at[i] | 0x20) == 'x';
    if (hex) i++;
    size_t digits = i;
    *value = 0;
    for (; i < in->n && is_digit(in->at[i], hex); i++) {
        uint32_t c = in->at[i], digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
        if (*value <= 0x10FFFF) *value = *value * (hex ? 16 : 10) + digit;
    }
    if (i == digits) return 0;
    if (i < in->n && in->at[i] == ';') i++;
    return i - at;
}

static void append_number(struct unicode *out, uint32_t n) {
    if (n >= 0x80 && n < 0xA0)
        unicode_append(out, html_windows(n));
    else if (n == 0 || (n >= 0xD800 && n <= 0xDFFF) || n > 0x10FFFF)
        unicode_append(out, UNICODE_REPLACEMENT);
    else if (!is_invalid(n))
        unicode_append(out, n);
}

/* Row of the table with this name of n bytes, or -1. */
static int find_name(const char *name, size_t n) {
    int low = 0, high = (int)(sizeof name_table / sizeof *name_table) - 1;
    while (low <= high) {
        int middle = (low + high) / 2;
        int order = strncmp(name, name_table[middle].name, n);
        if (!order) order = name_table[middle].name[n] ? -1 : 0;
        if (!order) return middle;
        if (order < 0)
            high = middle - 1;
        else
            low = middle + 1;
    }
    return -1;
}

static void append_name(struct unicode *out, int row) {
    unicode_append(out, name_table[row].first);
    if (name_table[row].second) unicode_append(out, name_table[row].second);
}

/* Copies a possible name at `at` (no &, <, ;, # or blank; then perhaps a semicolon) as bytes; a
 * code point outside ASCII becomes a byte that no name has. Returns its length. */
static size_t read_name(char name[NAME_MAX_CODES + 2], const struct unicode *in, size_t at) {
    size_t n = 0;
    for (; n < NAME_MAX_CODES && at + n < in->n; n++) {
        uint32_t c = in->at[at + n];
        if (c < 0x80 && strchr("\t\n\f <&#;", (int)c) && c) break;
        name[n] = (char)(c < 0x80 && c ? c : 1);
    }
    if (n && at + n < in->n && in->at[at + n] == ';') name[n++] = ';';
    name[n] = 0;
    return n;
}

/* Appends the meaning of the reference at `at` (an &). Returns the number of code points used, 0 if
 * it is not a reference. */
static size_t reference(struct unicode *out, const struct unicode *in, size_t at) {
    char name[NAME_MAX_CODES + 2];
    if (at + 1 < in->n && in->at[at + 1] == '#') {
        uint32_t number;
        size_t used = read_number(&number, in, at + 2);
        if (used) append_number(out, number);
        return used ? used + 2 : 0;
    }
    size_t used = read_name(name, in, at + 1);
    int row = used ? find_name(name, used) : -1;
    while (row < 0 && used > 2) row = find_name(name, --used);
    if (row < 0) return 0;
    append_name(out, row);
    return used + 1;
}

static void append_upper(struct unicode *out, uint32_t code) {
    for (size_t i = 0; i < sizeof capital_table / sizeof *capital_table; i++)
        if (capital_table[i].code == code) {
            for (int k = 0; k < 3 && capital_table[i].upper[k]; k++)
                unicode_append(out, capital_table[i].upper[k]);
            return;
        }
    unicode_append(out, code);
}

/* For a name in capitals that HTML has only in lower case, appends the capital of its character.
 * Not if browsers already see a name, even without its semicolon. */
static bool append_capital(struct unicode *out, char *name, const struct unicode *in, size_t at) {
    struct unicode none = {0};
    const bool seen = reference(&none, in, at) != 0;
    out->failed = out->failed || none.failed;
    unicode_release(&none);
    if (seen) return false;
    for (char *c = name; *c; c++) {
        if (*c >= 'a' && *c <= 'z') return false;
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c + 32);
    }
    const int row = find_name(name, strlen(name));
    if (row < 0) return false;
    append_upper(out, name_table[row].first);
    if (name_table[row].second) append_upper(out, name_table[row].second);
    return true;
}

static size_t reference_strict(struct unicode *out, const struct unicode *in, size_t at) {
    char name[STRICT_MAX_CODES + 2];
    bool is_number = at + 1 < in->n && in->at[at + 1] == '#';
    size_t start = at + 1 + is_number, n = 0;
    for (; n < STRICT_MAX_CODES && start + n < in->n; n++) {
        uint32_t c = in->at[start + n];
        if (c >= 0x80 || (unicode_class(c) != UNICODE_LETTER && !is_digit(c, false))) break;
        name[n] = (char)c;
    }
    if (!n || start + n >= in->n || in->at[start + n] != ';') return 0;
    if (is_number) {
        uint32_t number;
        if (read_number(&number, in, start) != n + 1) return 0;
        append_number(out, number);
    } else {
        name[n] = ';';
        name[n + 1] = 0;
        int row = find_name(name, n + 1);
        if (row >= 0)
            append_name(out, row);
        else if (!append_capital(out, name, in, at))
            return 0;
    }
    return start + n + 1 - at;
}

static void unescape(struct unicode *out, const struct unicode *in,
                     size_t (*read)(struct unicode *, const struct unicode *, size_t)) {
    for (size_t i = 0; i < in->n;) {
        size_t used = in->at[i] == '&' ? read(out, in, i) : 0;
        if (!used) unicode_append(out, in->at[i]);
        i += used ? used : 1;
    }
}

void html_unescape(struct unicode *out, const struct unicode *in) {
    unescape(out, in, reference);
}

void html_unescape_strict(struct unicode *out, const struct unicode *in) {
    unescape(out, in, reference_strict);
}
