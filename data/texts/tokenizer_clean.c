#include "data/texts/html.h"
#include "data/texts/mojibake.h"
#include "data/texts/tokenizer_clean.h"

#include <string.h>

/* Terminal colours: ESC [ digits and semicolons, a letter. Returns the length, 0 if there is none.
 */
static size_t terminal_escape(const struct unicode *u, size_t at) {
    size_t i = at + 2;
    if (u->at[at] != 0x1B || at + 1 >= u->n || u->at[at + 1] != '[') return 0;
    while (i < u->n && ((u->at[i] >= '0' && u->at[i] <= '9') || u->at[i] == ';')) i++;
    if (i < u->n && u->at[i] < 0x80 && unicode_class(u->at[i]) == UNICODE_LETTER) return i + 1 - at;
    return 0;
}

static bool is_control(uint32_t c) {
    return c < 9 || c == 0xB || (c >= 0xE && c < 0x20) || c == 0x7F ||
           (c >= 0x206A && c < 0x2070) || c == 0xFEFF || (c >= 0xFFF9 && c < 0xFFFD);
}

/* Appends the letters of a Latin ligature. */
static bool append_ligature(struct unicode *out, uint32_t c) {
    static const struct {
        uint16_t code, part[3];
    } table[] = {
        {0x132, {'I', 'J'}},       {0x133, {'i', 'j'}},       {0x149, {0x2BC, 'n'}},
        {0x1C4, {'D', 0x17D}},     {0x1C5, {'D', 0x17E}},     {0x1C6, {'d', 0x17E}},
        {0x1C7, {'L', 'J'}},       {0x1C8, {'L', 'j'}},       {0x1C9, {'l', 'j'}},
        {0x1CA, {'N', 'J'}},       {0x1CB, {'N', 'j'}},       {0x1CC, {'n', 'j'}},
        {0x1F1, {'D', 'Z'}},       {0x1F2, {'D', 'z'}},       {0x1F3, {'d', 'z'}},
        {0xFB00, {'f', 'f'}},      {0xFB01, {'f', 'i'}},      {0xFB02, {'f', 'l'}},
        {0xFB03, {'f', 'f', 'i'}}, {0xFB04, {'f', 'f', 'l'}}, {0xFB05, {0x17F, 't'}},
        {0xFB06, {'s', 't'}},
    };
    if (c < 0x132) return false;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].code == c) {
            for (int k = 0; k < 3 && table[i].part[k]; k++) unicode_append(out, table[i].part[k]);
            return true;
        }
    return false;
}

/* One character after ligatures and widths: quotes, line ends. */
static uint32_t straight(uint32_t c) {
    if (c == 0x2BC || (c >= 0x2018 && c <= 0x201B)) return '\'';
    if (c >= 0x201C && c <= 0x201F) return '"';
    if (c == '\r' || c == 0x2028 || c == 0x2029 || c == 0x85) return '\n';
    return c;
}

/* One round of the character steps of ftfy. */
static void fix_characters(struct unicode *out, const struct unicode *in) {
    struct unicode wide = {0};
    for (size_t i = 0; i < in->n; i++) {
        uint32_t c = html_windows(in->at[i]);
        if (!append_ligature(&wide, c)) unicode_append_width(&wide, c);
    }
    for (size_t i = 0; i < wide.n; i++) {
        size_t skip = terminal_escape(&wide, i);
        if (skip) {
            i += skip - 1;
            continue;
        }
        uint32_t c = straight(wide.at[i]);
        if (!is_control(c)) unicode_append(out, c);
    }
    out->failed = out->failed || wide.failed;
    unicode_release(&wide);
    unicode_compose(out);
}

static bool is_same(const struct unicode *a, const struct unicode *b) {
    return a->n == b->n && (!a->n || !memcmp(a->at, b->at, a->n * sizeof *a->at));
}

/* Whether ftfy changes nothing, as for most captions: the rounds below are then skipped. */
static bool is_plain(const struct unicode *u) {
    for (size_t i = 0; i < u->n; i++)
        if ((u->at[i] < ' ' && u->at[i] != '\n') || u->at[i] == '&' || u->at[i] >= 0x7F)
            return false;
    return true;
}

/* Fixes one line of in, from `first` to `end`, and appends it. */
static void fix_line(struct unicode *out, const struct unicode *in, size_t first, size_t end,
                     bool unescape) {
    enum { ROUNDS_MAX = 32 }; /* &amp;amp;amp;... could go on as long as the text */
    struct unicode text = {0}, next = {0}, work = {0};
    for (size_t i = first; i < end; i++) unicode_append(&text, in->at[i]);
    for (int round = 0; round < ROUNDS_MAX; round++) {
        unicode_clear(&work);
        unicode_clear(&next);
        if (unescape)
            html_unescape_strict(&work, &text);
        else
            for (size_t i = 0; i < text.n; i++) unicode_append(&work, text.at[i]);
        mojibake_fix(&work);
        fix_characters(&next, &work);
        if (is_same(&text, &next)) break;
        struct unicode keep = text;
        text = next;
        next = keep;
    }
    for (size_t i = 0; i < text.n; i++) unicode_append(out, text.at[i]);
    out->failed = out->failed || text.failed || next.failed || work.failed;
    unicode_release(&text);
    unicode_release(&next);
    unicode_release(&work);
}

static void fix_text(struct unicode *out, const struct unicode *in) {
    bool unescape = true; /* until the first line with a <, which looks like real HTML */
    for (size_t first = 0, end; first < in->n; first = end) {
        for (end = first; end < in->n && in->at[end] != '\n'; end++)
            if (in->at[end] == '<') unescape = false;
        if (end < in->n) end++;
        fix_line(out, in, first, end, unescape);
    }
}

/* Collapses white space to single blanks, none at the ends. */
static void collapse(struct unicode *u) {
    size_t n = 0;
    bool blank = false;
    for (size_t i = 0; i < u->n; i++) {
        if (unicode_class(u->at[i]) == UNICODE_SPACE) {
            blank = n > 0;
            continue;
        }
        if (blank) u->at[n++] = ' ';
        blank = false;
        u->at[n++] = u->at[i];
    }
    u->n = n;
}

static enum status read_text(struct unicode *out, const char *text, size_t size, int *n_replaced,
                             struct error *e) {
    if (size > TOKENIZER_CLEAN_MAX)
        return fail(e, STATUS_BAD_DATA, "text: expected at most %d bytes, found %zu",
                    TOKENIZER_CLEAN_MAX, size);
    if (size && memchr(text, 0, size)) return fail(e, STATUS_BAD_DATA, "text: a zero byte inside");
    const int replaced = unicode_from_utf8(out, text, size);
    if (n_replaced) *n_replaced = replaced;
    return STATUS_OK;
}

enum status tokenizer_clean(struct unicode *out, const char *text, size_t size, int *n_replaced,
                            struct error *e) {
    enum status rc = STATUS_OK;
    struct unicode a = {0}, b = {0};
    TRY(read_text(&a, text, size, n_replaced, e));
    if (!is_plain(&a)) {
        fix_text(&b, &a);
        unicode_clear(&a);
        html_unescape(&a, &b);
        unicode_clear(&b);
        html_unescape(&b, &a);
        struct unicode keep = a;
        a = b;
        b = keep;
    }
    collapse(&a);
    if (!a.n && !a.failed) {
        rc = fail(e, STATUS_BAD_DATA, "text: empty");
        goto done;
    }
    unicode_lower(out, &a);
    out->failed = out->failed || a.failed || b.failed;
    rc = unicode_check(out, e);
done:
    unicode_release(&a);
    unicode_release(&b);
    return rc;
}

static bool is_punctuation(uint32_t c) {
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
           (c >= '{' && c <= '~');
}

/* White space of Python's str: Unicode's, and four separators of ASCII. */
static bool is_python_space(uint32_t c) {
    return unicode_class(c) == UNICODE_SPACE || (c >= 0x1C && c <= 0x1F);
}

enum status tokenizer_clean_canonical(struct unicode *out, const char *text, size_t size,
                                      int *n_replaced, struct error *e) {
    enum { BLANK_SIGN = 0x2581 };
    enum status rc = STATUS_OK;
    struct unicode in = {0}, kept = {0};
    TRY(read_text(&in, text, size, n_replaced, e));
    for (size_t i = 0; i < in.n; i++) {
        const struct unicode one = {.at = &in.at[i], .n = 1};
        if (in.at[i] == BLANK_SIGN || is_python_space(in.at[i]))
            unicode_append(&kept, ' ');
        else if (!is_punctuation(in.at[i]))
            unicode_lower(&kept, &one);
    }
    /* transformers prepends U+2581 before stripping, so a leading blank stays. */
    if (kept.n && kept.at[0] == ' ') unicode_append(out, ' ');
    collapse(&kept);
    if (!kept.n && !kept.failed && !in.failed) {
        rc = fail(e, STATUS_BAD_DATA, "text: empty, or nothing but punctuation");
        goto done;
    }
    for (size_t i = 0; i < kept.n; i++) unicode_append(out, kept.at[i]);
    out->failed = out->failed || in.failed || kept.failed;
    rc = unicode_check(out, e);
done:
    unicode_release(&in);
    unicode_release(&kept);
    return rc;
}

/* True when the ASCII word stands at `at`. The long s counts as an s: the pattern of CLIP ignores
 * case by Unicode's rules, and lower-casing leaves that letter alone. */
static bool stands(const struct unicode *u, size_t at, const char *word) {
    size_t n = strlen(word);
    if (n > u->n - at) return false;
    for (size_t i = 0; i < n; i++) {
        uint32_t c = u->at[at + i] == 0x17F ? 's' : u->at[at + i];
        if (c != (uint8_t)word[i]) return false;
    }
    return true;
}

/* CLIP drops U+0345: its capital is a letter, so a pattern that ignores case sees neither a letter
 * nor a non-letter. */
static enum unicode_class word_class(uint32_t code) {
    return code == 0x345 ? UNICODE_SPACE : unicode_class(code);
}

struct tokenizer_word tokenizer_clean_word(const struct unicode *u, size_t at) {
    static const char *const specials[] = {"<start_of_text>", "<|startoftext|>", "<end_of_text>",
                                           "<|endoftext|>"};
    static const char *const endings[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    while (at < u->n && word_class(u->at[at]) == UNICODE_SPACE) at++;
    struct tokenizer_word word = {.kind = TOKENIZER_WORD_END, .first = at, .end = at};
    if (at == u->n) return word;
    for (int i = 0; u->at[at] == '<' && i < 4; i++)
        if (stands(u, at, specials[i])) {
            word.kind = i < 2 ? TOKENIZER_WORD_START_ID : TOKENIZER_WORD_END_ID;
            word.end = at + strlen(specials[i]);
            return word;
        }
    word.kind = TOKENIZER_WORD_TEXT;
    for (int i = 0; u->at[at] == '\'' && i < 7; i++)
        if (stands(u, at, endings[i])) {
            word.end = at + strlen(endings[i]);
            return word;
        }
    enum unicode_class class = word_class(u->at[at]);
    word.end++;
    if (class != UNICODE_NUMBER)
        while (word.end < u->n && word_class(u->at[word.end]) == class) word.end++;
    return word;
}
