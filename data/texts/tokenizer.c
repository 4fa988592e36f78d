#include "data/shards/gzip.h"
#include "data/texts/tokenizer.h"
#include "data/texts/tokenizer_bytes.h"
#include "data/texts/tokenizer_clean.h"
#include "data/texts/tokenizer_json.h"
#include "data/texts/tokenizer_sentencepiece.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/json.h"
#include "pipeline/base/wrong_file.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_BYTES = TOKENIZER_BYTES, N_BASE = 2 * N_BYTES, FILE_MAX = 256 << 20 };

/* The symbol that two neighbouring symbols merge into. */
struct pair {
    int32_t left, right, whole; /* whole is 0 in a free place */
};

struct symbol {
    int32_t left, right; /* -1 in the first 512 */
};

struct tokenizer {
    uint64_t hash;
    struct tokenizer_sentencepiece *pieces; /* NULL for byte pairs, which use all that follows */
    int n_symbols;                          /* 512 + merges */
    struct symbol *symbols;                 /* (n_symbols) */
    struct pair *pairs;                     /* open addressing, a power of two of places */
    size_t n_pairs;
    uint8_t byte_of[N_BYTES]; /* the byte of symbol i and of symbol i + 256 */
    uint8_t id_of[N_BYTES];   /* its inverse */
};

static size_t pair_place(const struct tokenizer *t, int32_t left, int32_t right) {
    uint64_t x = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    x *= 0x9E3779B97F4A7C15u;
    size_t i = (size_t)(x >> 32) & (t->n_pairs - 1);
    while (t->pairs[i].whole && (t->pairs[i].left != left || t->pairs[i].right != right))
        i = (i + 1) & (t->n_pairs - 1);
    return i;
}

/* Names of symbols while a file is read: open addressing over the text of the file. */
struct names {
    struct name {
        char *text; /* NULL in a free place; owned for merges */
        int32_t id;
    } * at;
    size_t n;
};

static struct name *name_place(const struct names *names, const char *text, size_t size) {
    size_t i = (size_t)hash_64(text, size, 0) & (names->n - 1);
    while (names->at[i].text &&
           (strlen(names->at[i].text) != size || memcmp(names->at[i].text, text, size)))
        i = (i + 1) & (names->n - 1);
    return &names->at[i];
}

static enum status name_add(struct names *names, const char *text, size_t size, int32_t id,
                            struct error *e) {
    struct name *place = name_place(names, text, size);
    if (place->text) return fail(e, STATUS_BAD_DATA, "makes %.*s a second time", (int)size, text);
    place->text = malloc(size + 1);
    if (!place->text) return fail(e, STATUS_NO_MEMORY, "no memory for a vocabulary");
    memcpy(place->text, text, size);
    place->text[size] = 0;
    place->id = id;
    return STATUS_OK;
}

static enum status name_bytes(struct names *names, struct error *e) {
    for (int i = 0; i < N_BASE; i++) {
        char text[TOKENIZER_BYTES_NAME_MAX];
        enum status rc = name_add(names, text, tokenizer_bytes_name(text, i), i, e);
        if (rc != STATUS_OK) return rc;
    }
    return STATUS_OK;
}

/* Reads "left right" and makes it symbol t->n_symbols. */
static enum status read_merge(struct tokenizer *t, struct names *names, const char *line,
                              size_t size, struct error *e) {
    const char *blank = memchr(line, ' ', size);
    size_t left = blank ? (size_t)(blank - line) : 0, right = blank ? size - left - 1 : 0;
    char text[1024];
    if (!left || !right || memchr(blank + 1, ' ', right) || size > sizeof text)
        return fail(e, STATUS_BAD_DATA, "expected two symbols, found \"%.*s\"",
                    (int)(size < 60 ? size : 60), line);
    const struct name *a = name_place(names, line, left);
    const struct name *b = name_place(names, blank + 1, right);
    if (!a->text || !b->text)
        return fail(e, STATUS_BAD_DATA, "%s symbol of \"%.*s\" is not known yet",
                    a->text ? "second" : "first", (int)(size < 60 ? size : 60), line);
    t->symbols[t->n_symbols] = (struct symbol){a->id, b->id};
    t->pairs[pair_place(t, a->id, b->id)] = (struct pair){a->id, b->id, t->n_symbols};
    memcpy(text, line, left);
    memcpy(text + left, blank + 1, right);
    return name_add(names, text, left + right, t->n_symbols++, e);
}

static enum status read_merges(struct tokenizer *t, struct names *names, const char *text,
                               size_t size, struct error *e) {
    const char *end = text + size;
    for (int line = 1; text < end && t->n_symbols < N_BASE + TOKENIZER_MERGES_MAX; line++) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        const char *next = stop ? stop + 1 : end;
        size_t n = (size_t)((stop ? stop : end) - text);
        if (n && text[n - 1] == '\r') n--;
        if (line > 1 && !(next == end && !n)) { /* the header, an empty last line */
            enum status rc = read_merge(t, names, text, n, e);
            if (rc != STATUS_OK) {
                error_context(e, "line %d", line);
                return rc;
            }
            t->hash = hash_64(text, n, t->hash);
        }
        text = next;
    }
    return STATUS_OK;
}

static enum status build(struct tokenizer *t, const char *text, size_t size, struct error *e) {
    enum status rc = STATUS_OK;
    struct names names = {.n = 1 << 17}; /* more than twice the symbols there can be */
    enum { SYMBOLS_MAX = N_BASE + TOKENIZER_MERGES_MAX };
    tokenizer_bytes_number(t->byte_of, t->id_of);
    t->n_pairs = 1 << 17;
    t->n_symbols = N_BASE;
    t->symbols = malloc(SYMBOLS_MAX * sizeof *t->symbols);
    t->pairs = calloc(t->n_pairs, sizeof *t->pairs);
    names.at = calloc(names.n, sizeof *names.at);
    if (!t->symbols || !t->pairs || !names.at) {
        rc = fail(e, STATUS_NO_MEMORY, "no memory for a vocabulary");
        goto done;
    }
    for (int i = 0; i < N_BASE; i++) t->symbols[i] = (struct symbol){-1, -1};
    TRY(name_bytes(&names, e));
    TRY(read_merges(t, &names, text, size, e));
    if (t->n_symbols == N_BASE)
        TRY(fail(
            e, STATUS_BAD_DATA,
            "no merges in it; expected a vocabulary: bpe_simple_vocab_16e6.txt.gz, merges.txt, "
            "tokenizer.json or spiece.model"));
done:
    for (size_t i = 0; names.at && i < names.n; i++) free(names.at[i].text);
    free(names.at);
    return rc;
}

/* A vocab.json beside a merges.txt must agree with it. */
static enum status check_ids_beside(const struct tokenizer *t, const char *path, struct error *e) {
    static const char merges[] = "merges.txt", ids[] = "vocab.json";
    enum status rc = STATUS_OK;
    struct json_document *json = NULL;
    char beside[FILE_PATH_MAX];
    const char *base = file_base_name(path);
    if (strcmp(base, merges)) return STATUS_OK;
    snprintf(beside, sizeof beside, "%.*s%s", (int)(base - path), path, ids);
    if (!file_exists(beside)) return STATUS_OK;
    TRY(json_read(&json, beside, FILE_MAX, e));
    TRY(tokenizer_json_check_ids(t, json_root(json), e));
done:
    json_destroy(&json);
    return rc;
}

enum status tokenizer_find(char out[FILE_PATH_MAX], const char *weights, struct error *e) {
    static const char *const names[] = {"spiece.model", "tokenizer.json", "merges.txt",
                                        "bpe_simple_vocab_16e6.txt.gz", "vocabulary.txt"};
    enum status rc = STATUS_OK;
    char folder[FILE_PATH_MAX];
    TRY(file_is_folder(weights) ? file_join(folder, weights, "", e)
                                : file_parent(folder, weights, e));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        TRY(file_join(out, folder, names[i], e));
        if (file_exists(out)) return STATUS_OK;
    }
    out[0] = 0;
done:
    return rc;
}

enum status tokenizer_open(struct tokenizer **out, const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    char *bytes = NULL, *inflated = NULL;
    struct text merges = {0};
    struct json_document *json = NULL;
    size_t size, inflated_size;
    struct tokenizer *t = calloc(1, sizeof *t);
    *out = NULL;
    if (!t) return fail(e, STATUS_NO_MEMORY, "%s: no memory for a vocabulary", path);
    rc = file_read_all(&bytes, &size, path, FILE_MAX, e);
    if (rc != STATUS_OK) goto named; /* the message already has the path */
    if (wrong_file(bytes, size)) TRY(fail(e, STATUS_BAD_DATA, "%s", wrong_file(bytes, size)));
    if (text_ends_with(path, ".model")) {
        TRY(tokenizer_sentencepiece_open(&t->pieces, bytes, size, e));
        t->hash = hash_64(bytes, size, 0);
    } else if (gzip_is(bytes, size)) {
        TRY(gzip_inflate(&inflated, &inflated_size, bytes, size, FILE_MAX, e));
        TRY(build(t, inflated, inflated_size, e));
    } else if (size && bytes[0] == '{') {
        rc = json_parse(&json, bytes, size, path, e);
        if (rc == STATUS_OK) rc = tokenizer_json_merges(&merges, json_root(json), e);
        if (rc != STATUS_OK) goto named;
        TRY(build(t, merges.bytes, merges.n, e));
        const struct json *ids = json_find(json_find(json_root(json), "model"), "vocab");
        if (ids) rc = tokenizer_json_check_ids(t, ids, e);
        goto named;
    } else {
        TRY(build(t, bytes, size, e));
        rc = check_ids_beside(t, path, e);
        goto named;
    }
done:
    if (rc != STATUS_OK) error_context(e, "%s", path);
named:
    free(bytes);
    free(inflated);
    text_release(&merges);
    json_destroy(&json);
    if (rc != STATUS_OK) tokenizer_close(&t);
    *out = t;
    return rc;
}

void tokenizer_close(struct tokenizer **tokenizer) {
    struct tokenizer *t = *tokenizer;
    if (!t) return;
    tokenizer_sentencepiece_close(&t->pieces);
    free(t->symbols);
    free(t->pairs);
    free(t);
    *tokenizer = NULL;
}

void tokenizer_name(const struct tokenizer *t, int id, struct text *out) {
    int32_t waiting[1024]; /* as in symbol_bytes */
    int n_waiting = 0;
    CHECK(id >= 0 && id < t->n_symbols);
    waiting[n_waiting++] = id;
    while (n_waiting) {
        char part[TOKENIZER_BYTES_NAME_MAX];
        const int32_t s = waiting[--n_waiting];
        if (s >= N_BASE) {
            waiting[n_waiting++] = t->symbols[s].right;
            waiting[n_waiting++] = t->symbols[s].left;
            continue;
        }
        text_append_bytes(out, part, tokenizer_bytes_name(part, s));
    }
}

bool tokenizer_parts(const struct tokenizer *t, int id, int *left, int *right) {
    CHECK(id >= 0 && id < t->n_symbols);
    *left = t->symbols[id].left;
    *right = t->symbols[id].right;
    return id >= N_BASE;
}

bool tokenizer_is_name(const struct tokenizer *t, int id, const char *name) {
    struct text own = {0};
    tokenizer_name(t, id, &own);
    const bool is_it = !own.failed && !strcmp(text_string(&own), name);
    text_release(&own);
    return is_it;
}

int tokenizer_size(const struct tokenizer *t) {
    return t->pieces ? tokenizer_sentencepiece_size(t->pieces) : t->n_symbols + 2;
}

int tokenizer_start(const struct tokenizer *t) {
    return t->pieces ? -1 : t->n_symbols;
}

int tokenizer_end(const struct tokenizer *t) {
    return t->pieces ? tokenizer_sentencepiece_end(t->pieces) : t->n_symbols + 1;
}

uint64_t tokenizer_hash(const struct tokenizer *t) {
    return t ? t->hash : 0;
}

/* Merges n symbols in place until the vocabulary knows no remaining pair. Each round applies the
 * oldest possible merge at all its places, from left to right. whole: room for n. Returns how many
 * symbols remain. A later merge never has a lower number, so there are at most n rounds. */
static size_t merge(const struct tokenizer *t, int32_t *symbol, int32_t *whole, size_t n) {
    for (size_t i = 0; i + 1 < n; i++) {
        int32_t found = t->pairs[pair_place(t, symbol[i], symbol[i + 1])].whole;
        whole[i] = found ? found : INT32_MAX;
    }
    while (n > 1) {
        int32_t best = INT32_MAX;
        for (size_t i = 0; i + 1 < n; i++) best = whole[i] < best ? whole[i] : best;
        if (best == INT32_MAX) break;
        size_t kept = 0;
        for (size_t i = 0; i < n; i++) {
            bool merged = i + 1 < n && whole[i] == best;
            symbol[kept] = merged ? best : symbol[i];
            /* The pair with the next symbol is looked up again when either side is new. */
            whole[kept++] = merged ? 0 : i + 1 < n ? whole[i] : INT32_MAX;
            if (merged) i++;
        }
        n = kept;
        for (size_t i = 0; i + 1 < n; i++)
            if (!whole[i] || symbol[i + 1] == best) {
                int32_t found = t->pairs[pair_place(t, symbol[i], symbol[i + 1])].whole;
                whole[i] = found ? found : INT32_MAX;
            }
    }
    return n;
}

/* Room for one encode. */
struct work {
    struct unicode text;
    int32_t *symbol, *whole;
};

/* The symbols of one word before merging; the last byte carries the end of the word. */
static size_t spell(const struct tokenizer *t, int32_t *symbol, const struct unicode *text,
                    const struct tokenizer_word *word) {
    size_t n = 0;
    for (size_t i = word->first; i < word->end; i++) {
        char bytes[UNICODE_UTF8_MAX];
        int n_bytes = unicode_to_utf8(bytes, text->at[i]);
        for (int k = 0; k < n_bytes; k++) symbol[n++] = t->id_of[(uint8_t)bytes[k]];
    }
    symbol[n - 1] += N_BYTES;
    return n;
}

/* Ends the n ids of a text and pads them. */
static void finish(const struct tokenizer *t, int32_t *ids, int n, int context) {
    if (n == context) n--;
    ids[n++] = tokenizer_end(t);
    for (int i = n; i < context; i++) ids[i] = t->pieces ? tokenizer_end(t) : 0;
}

void tokenizer_nothing(const struct tokenizer *t, int32_t *ids, int context, int *length) {
    const int n = t->pieces ? 0 : 1;
    CHECK(context >= 2);
    if (!t->pieces) ids[0] = tokenizer_start(t);
    finish(t, ids, n, context);
    *length = n + 1;
}

static enum status encode_pieces(const struct tokenizer *t, const char *text, size_t size,
                                 int32_t *ids, int context, int *length, int *n_replaced,
                                 struct error *e) {
    enum status rc = STATUS_OK;
    struct unicode clean = {0};
    struct text bytes = {0};
    int n = 0;
    TRY(tokenizer_clean_canonical(&clean, text, size, n_replaced, e));
    for (size_t i = 0; i < clean.n; i++) {
        char code[UNICODE_UTF8_MAX];
        text_append_bytes(&bytes, code, (size_t)unicode_to_utf8(code, clean.at[i]));
    }
    TRY(text_check(&bytes, e));
    TRY(tokenizer_sentencepiece_ids(t->pieces, text_string(&bytes), bytes.n, ids, context - 1, &n,
                                    e));
    finish(t, ids, n, context);
    *length = n + 1;
done:
    text_release(&bytes);
    unicode_release(&clean);
    return rc;
}

enum status tokenizer_encode(const struct tokenizer *t, const char *text, size_t size, int32_t *ids,
                             int context, int *length, int *n_replaced, struct error *e) {
    enum status rc = STATUS_OK;
    struct work w = {0};
    int n = 0;
    CHECK(context >= 2);
    if (t->pieces) return encode_pieces(t, text, size, ids, context, length, n_replaced, e);
    TRY(tokenizer_clean(&w.text, text, size, n_replaced, e));
    w.symbol = malloc(2 * w.text.n * UNICODE_UTF8_MAX * sizeof *w.symbol);
    if (!w.symbol) {
        rc = fail(e, STATUS_NO_MEMORY, "text: no memory for %zu characters", w.text.n);
        goto done;
    }
    w.whole = w.symbol + w.text.n * UNICODE_UTF8_MAX;
    ids[n++] = tokenizer_start(t);
    for (size_t at = 0; n < context;) {
        struct tokenizer_word word = tokenizer_clean_word(&w.text, at);
        at = word.end;
        if (word.kind == TOKENIZER_WORD_END) break;
        if (word.kind != TOKENIZER_WORD_TEXT) {
            ids[n++] = word.kind == TOKENIZER_WORD_START_ID ? tokenizer_start(t) : tokenizer_end(t);
            continue;
        }
        size_t n_symbols = merge(t, w.symbol, w.whole, spell(t, w.symbol, &w.text, &word));
        for (size_t i = 0; i < n_symbols && n < context; i++) ids[n++] = w.symbol[i];
    }
    finish(t, ids, n, context);
    /* Features are read at the first end id, like CLIP's argmax. */
    for (*length = 1; ids[*length - 1] != tokenizer_end(t);) ++*length;
done:
    free(w.symbol);
    unicode_release(&w.text);
    return rc;
}

/* Appends the bytes of a symbol, by walking down its merges with a small stack: every step goes to
 * a lower number, and the right parts wait. Returns the new count of bytes. */
static size_t symbol_bytes(const struct tokenizer *t, int32_t id, char *out, size_t n,
                           size_t capacity) {
    int32_t waiting[1024]; /* a symbol's name has at most 1024 bytes, see read_merge */
    int n_waiting = 0;
    waiting[n_waiting++] = id;
    while (n_waiting && n < capacity) {
        int32_t s = waiting[--n_waiting];
        if (s >= N_BASE) {
            waiting[n_waiting++] = t->symbols[s].right;
            waiting[n_waiting++] = t->symbols[s].left;
            continue;
        }
        out[n++] = (char)t->byte_of[s % N_BYTES];
        if (s >= N_BYTES && n < capacity) out[n++] = ' ';
    }
    return n;
}

void tokenizer_decode(const struct tokenizer *t, const int32_t *ids, int n, char *out,
                      size_t capacity) {
    size_t used = 0;
    CHECK(capacity > 0);
    for (int i = 0; t->pieces && i < n; i++) {
        if (ids[i] < 0 || ids[i] >= tokenizer_size(t) || ids[i] == tokenizer_end(t)) continue;
        tokenizer_sentencepiece_piece(t->pieces, ids[i], out + used, capacity - used);
        used += strlen(out + used);
    }
    for (int i = 0; !t->pieces && i < n; i++)
        if (ids[i] >= 0 && ids[i] < t->n_symbols)
            used = symbol_bytes(t, ids[i], out, used, capacity - 1);
    out[used] = 0;
}
