#include "data/texts/html.h"
#include "data/texts/mojibake.h"
#include "data/texts/mojibake_table.h"
#include "pipeline/base/text.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

enum { SET_WORD, SET_SPACE, SET_CONTINUATION, SETS_MAX = 64 }; /* as in the table */
enum { ROUNDS_MAX = 32, DEPTH_MAX = 8, LOST = 0x1A };          /* LOST: the byte for U+FFFD */

/* --- Patterns --- */

static uint64_t sets_of(uint32_t code) {
    size_t low = 0, high = COUNT(set_table);
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (set_table[middle].code == code) return set_table[middle].sets;
        if (set_table[middle].code < code)
            low = middle + 1;
        else
            high = middle;
    }
    return other_sets;
}

static bool fits(uint32_t code, uint64_t sets, int place) {
    if (place >= SETS_MAX) return code == (uint32_t)place;
    if (place == SET_WORD)
        return code == '_' || unicode_class(code) == UNICODE_LETTER ||
               unicode_class(code) == UNICODE_NUMBER;
    if (place == SET_SPACE) /* Python also counts the separators of files and records */
        return unicode_class(code) == UNICODE_SPACE || (code >= 0x1C && code <= 0x1F);
    return sets >> place & 1;
}

/* Length of the first pattern of the list that matches at i, or 0. */
static size_t match(const struct pattern *list, size_t n_list, const uint32_t *at, size_t n,
                    size_t i) {
    if (i >= n) return 0;
    const uint64_t first = sets_of(at[i]);
    for (const struct pattern *p = list; p < list + n_list; p++) {
        size_t k = 0;
        if (p->n > n - i || (p->at_start && i)) continue;
        while (k < p->n && fits(at[i + k], k ? sets_of(at[i + k]) : first, p->place[k])) k++;
        if (k == p->n) return k;
    }
    return 0;
}

static bool is_bad(const uint32_t *at, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (match(bad_patterns, COUNT(bad_patterns), at, n, i)) return true;
    return false;
}

static size_t match_bytes(const struct pattern *list, size_t n_list, const uint8_t *p, size_t n) {
    for (const struct pattern *l = list; l < list + n_list; l++) {
        size_t k = 0;
        if (l->n > n) continue;
        while (k < l->n && (l->place[k] >= SETS_MAX ? p[k] == l->place[k]
                                                    : byte_sets[p[k]] >> l->place[k] & 1))
            k++;
        if (k == l->n) return k;
    }
    return 0;
}

/* --- From characters to bytes and back --- */

/* Appends the text in an encoding; false if the encoding lacks a character. */
static bool encode(struct text *out, int encoding, const struct unicode *u) {
    for (size_t i = 0; i < u->n; i++) {
        const uint32_t code = u->at[i];
        int byte = 0;
        if (code < 0x80) {
            byte = (int)code;
            if (code == LOST && encodings[encoding].sloppy) return false;
        } else if (code == UNICODE_REPLACEMENT && encodings[encoding].sloppy) {
            byte = LOST;
        } else {
            while (byte < 128 && encodings[encoding].code[byte] != code) byte++;
            if (byte == 128) return false;
            byte += 128;
        }
        text_append_char(out, (char)byte);
    }
    return true;
}

static bool is_altered(const struct text *t) {
    for (size_t i = 0; i < t->n; i++)
        if (match_bytes(altered_patterns, COUNT(altered_patterns), (uint8_t *)t->bytes + i,
                        t->n - i))
            return true;
    return false;
}

/* Whether C3 and a blank were "a with grave". Not so in a Portuguese word, which continues. */
static bool is_a_grave(const char *p, size_t n) {
    static const char *const words[] = {" ", "quele", "quela", "quilo", "s "};
    if (n < 2 || (uint8_t)p[0] != 0xC3 || p[1] != ' ') return false;
    for (size_t i = 0; i < COUNT(words); i++) {
        const size_t length = strlen(words[i]);
        if (length <= n - 2 && !memcmp(p + 2, words[i], length)) return false;
    }
    return true;
}

/* Turns blanks back into A0 where that gives UTF-8. */
static void restore_blanks(struct text *t, struct text *work) {
    text_clear(work);
    for (size_t i = 0; i < t->n; i++) {
        if (is_a_grave(t->bytes + i, t->n - i)) {
            text_append_bytes(work, "\xC3\xA0 ", 3);
            i++;
        } else {
            text_append_char(work, t->bytes[i]);
        }
    }
    for (size_t i = 0; i < work->n;) {
        const size_t length = match_bytes(altered_patterns, COUNT(altered_patterns),
                                          (uint8_t *)work->bytes + i, work->n - i);
        for (size_t k = 0; k < length; k++)
            if (work->bytes[i + k] == ' ') work->bytes[i + k] = (char)0xA0;
        i += length ? length : 1;
    }
    const struct text keep = *t;
    *t = *work;
    *work = keep;
}

/* Turns sequences that lost a byte into U+FFFD. */
static void replace_lost(struct text *t, struct text *work) {
    text_clear(work);
    for (size_t i = 0; i < t->n;) {
        const size_t length = match_bytes(lossy_patterns, COUNT(lossy_patterns),
                                          (uint8_t *)t->bytes + i, t->n - i);
        if (length)
            text_append(work, "\xEF\xBF\xBD");
        else
            text_append_char(work, t->bytes[i]);
        i += length ? length : 1;
    }
    const struct text keep = *t;
    *t = *work;
    *work = keep;
}

/* Length and code point of a sequence of CESU-8 or Java's UTF-8 at p; 0 for plain UTF-8. */
static size_t variant(uint32_t *code, const uint8_t *p, size_t n) {
    *code = 0;
    if (n >= 2 && p[0] == 0xC0 && p[1] == 0x80) return 2;
    if (n < 6 || p[0] != 0xED || p[1] < 0xA0 || p[1] > 0xAF || p[2] < 0x80 || p[2] > 0xBF ||
        p[3] != 0xED || p[4] < 0xB0 || p[4] > 0xBF || p[5] < 0x80 || p[5] > 0xBF)
        return 0;
    *code = 0x10000 + ((p[1] & 0xFu) << 16 | (p[2] & 0x3Fu) << 10 | (p[4] & 0xFu) << 6 |
                       (p[5] & 0x3Fu));
    return 6;
}

/* Appends the code points of the bytes; false when they are not UTF-8. */
static bool decode(struct unicode *out, const struct text *t) {
    size_t start = 0;
    for (size_t i = 0; i < t->n;) {
        uint32_t code;
        const size_t length = variant(&code, (uint8_t *)t->bytes + i, t->n - i);
        if (length) {
            if (unicode_from_utf8(out, t->bytes + start, i - start)) return false;
            unicode_append(out, code);
            start = i + length;
        }
        i += length ? length : 1;
    }
    return !unicode_from_utf8(out, t->bytes + start, t->n - start);
}

/* --- Repair --- */

static void fix(struct unicode *u, int depth);

/* Repairs the whole text through the first encoding that gives UTF-8. */
static bool fix_whole(struct unicode *out, const struct unicode *u) {
    struct text bytes = {0}, work = {0};
    bool fixed = false;
    for (int i = 0; i < (int)COUNT(encodings) && !fixed; i++) {
        text_clear(&bytes);
        if (!encode(&bytes, i, u)) continue;
        if (is_altered(&bytes)) restore_blanks(&bytes, &work);
        if (encodings[i].sloppy) replace_lost(&bytes, &work);
        unicode_clear(out);
        fixed = !bytes.failed && decode(out, &bytes);
    }
    out->failed = out->failed || bytes.failed || work.failed;
    text_release(&bytes);
    text_release(&work);
    return fixed;
}

/* Repairs each part that looks like UTF-8 in another encoding. False when nothing changes. */
static bool fix_parts(struct unicode *out, const struct unicode *u, int depth) {
    struct unicode part = {0};
    bool changed = false;
    unicode_clear(out);
    for (size_t i = 0; i < u->n;) {
        size_t end = i, length;
        if (!i || !fits(u->at[i - 1], sets_of(u->at[i - 1]), SET_CONTINUATION))
            while ((length = match(utf8_patterns, COUNT(utf8_patterns), u->at, u->n, end)))
                end += length;
        if (end == i) {
            unicode_append(out, u->at[i++]);
            continue;
        }
        unicode_clear(&part);
        for (size_t k = i; k < end; k++) unicode_append(&part, u->at[k]);
        if (!part.failed && part.n < u->n && depth < DEPTH_MAX && is_bad(part.at, part.n))
            fix(&part, depth + 1);
        changed = changed || part.n != end - i || memcmp(part.at, u->at + i, part.n * 4) != 0;
        for (size_t k = 0; k < part.n; k++) unicode_append(out, part.at[k]);
        i = end;
    }
    out->failed = out->failed || part.failed;
    unicode_release(&part);
    return changed;
}

/* Reads Latin-1 control characters as Windows-1252. */
static bool fix_controls(struct unicode *out, const struct unicode *u) {
    bool found = false;
    unicode_clear(out);
    for (size_t i = 0; i < u->n; i++) {
        found = found || html_windows(u->at[i]) != u->at[i];
        unicode_append(out, html_windows(u->at[i]));
    }
    return found;
}

static void fix(struct unicode *u, int depth) {
    struct unicode next = {0};
    for (int round = 0; round < ROUNDS_MAX && !u->failed && is_bad(u->at, u->n); round++) {
        if (!fix_whole(&next, u) && !fix_parts(&next, u, depth) && !fix_controls(&next, u)) break;
        if (next.n == u->n && !memcmp(next.at, u->at, u->n * sizeof *u->at)) break;
        const struct unicode keep = *u;
        *u = next;
        next = keep;
    }
    u->failed = u->failed || next.failed;
    unicode_release(&next);
}

void mojibake_fix(struct unicode *u) {
    fix(u, 0);
}
