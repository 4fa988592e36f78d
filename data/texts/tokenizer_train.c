#include "data/texts/tokenizer_bytes.h"
#include "data/texts/tokenizer_clean.h"
#include "data/texts/tokenizer_train.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { N_BASE = 2 * TOKENIZER_BYTES, N_SPECIAL = 2, NAME_MAX_BYTES = 256 };

/* A distinct word of the captions. symbol is its spelling, which shrinks as symbols are merged. */
struct word {
    uint64_t hash;
    int64_t count;
    int32_t *symbol;
    int n;
};

/* Two symbols seen side by side. */
struct pair {
    int32_t left, right;
    int64_t count;
    int32_t *word; /* words that have, or had, this pair */
    int n_words, capacity;
    bool refused; /* its text is a symbol already, or too long */
};

/* Open addressing from a hash to the index of an item; -1 is a free place. */
struct table {
    int32_t *at;
    size_t n;
};

struct tokenizer_train {
    struct word *words;
    int32_t n_words, words_capacity;
    int64_t n_counted;
    struct table word_table;
    struct pair *pairs;
    int32_t n_pairs, pairs_capacity;
    struct table pair_table;
    char **names; /* of all symbols */
    int32_t n_symbols;
    struct table name_table;
    uint8_t id_of[TOKENIZER_BYTES];
    struct unicode text; /* of the caption at hand */
};

static enum status no_memory(struct error *e) {
    return fail(e, STATUS_NO_MEMORY, "vocabulary: no memory");
}

/* Makes room for one more item; items may move. */
static bool grow(void **items, int32_t n, int32_t *capacity, size_t size) {
    if (n < *capacity) return true;
    int32_t larger = *capacity ? *capacity * 2 : 256;
    void *moved = realloc(*items, (size_t)larger * size);
    if (!moved) return false;
    *items = moved;
    *capacity = larger;
    return true;
}

static bool table_create(struct table *table, size_t n) {
    table->at = malloc(n * sizeof *table->at);
    table->n = n;
    if (table->at) memset(table->at, 0xFF, n * sizeof *table->at);
    return table->at != NULL;
}

static void table_put(struct table *table, uint64_t hash, int32_t item) {
    size_t i = (size_t)hash & (table->n - 1);
    while (table->at[i] >= 0) i = (i + 1) & (table->n - 1);
    table->at[i] = item;
}

static uint64_t pair_hash(int32_t left, int32_t right) {
    int32_t both[2] = {left, right};
    return hash_64(both, sizeof both, 0);
}

enum status tokenizer_train_create(struct tokenizer_train **out, struct error *e) {
    struct tokenizer_train *t = calloc(1, sizeof *t);
    uint8_t byte_of[TOKENIZER_BYTES];
    *out = NULL;
    if (!t) return no_memory(e);
    tokenizer_bytes_number(byte_of, t->id_of);
    if (!table_create(&t->word_table, 1 << 12)) {
        tokenizer_train_destroy(&t);
        return no_memory(e);
    }
    *out = t;
    return STATUS_OK;
}

void tokenizer_train_destroy(struct tokenizer_train **train) {
    struct tokenizer_train *t = *train;
    if (!t) return;
    for (int32_t i = 0; i < t->n_words; i++) free(t->words[i].symbol);
    for (int32_t i = 0; i < t->n_pairs; i++) free(t->pairs[i].word);
    for (int32_t i = 0; i < t->n_symbols; i++) free(t->names[i]);
    free(t->words);
    free(t->pairs);
    free(t->names);
    free(t->word_table.at);
    free(t->pair_table.at);
    free(t->name_table.at);
    unicode_release(&t->text);
    free(t);
    *train = NULL;
}

/* Adds one occurrence of a word given by its symbols. */
static enum status add_word(struct tokenizer_train *t, const int32_t *symbol, int n,
                            struct error *e) {
    size_t bytes = (size_t)n * sizeof *symbol;
    uint64_t hash = hash_64(symbol, bytes, 0);
    size_t i = (size_t)hash & (t->word_table.n - 1);
    t->n_counted++;
    for (; t->word_table.at[i] >= 0; i = (i + 1) & (t->word_table.n - 1)) {
        struct word *w = &t->words[t->word_table.at[i]];
        if (w->hash == hash && w->n == n && !memcmp(w->symbol, symbol, bytes)) {
            w->count++;
            return STATUS_OK;
        }
    }
    if (!grow((void **)&t->words, t->n_words, &t->words_capacity, sizeof *t->words))
        return no_memory(e);
    struct word *w = &t->words[t->n_words];
    *w = (struct word){.hash = hash, .count = 1, .symbol = malloc(bytes), .n = n};
    if (!w->symbol) return no_memory(e);
    memcpy(w->symbol, symbol, bytes);
    t->word_table.at[i] = t->n_words++;
    if ((size_t)t->n_words * 2 > t->word_table.n) {
        struct table larger;
        if (!table_create(&larger, t->word_table.n * 2)) return no_memory(e);
        for (int32_t k = 0; k < t->n_words; k++) table_put(&larger, t->words[k].hash, k);
        free(t->word_table.at);
        t->word_table = larger;
    }
    return STATUS_OK;
}

enum status tokenizer_train_add(struct tokenizer_train *t, const char *text, size_t size,
                                struct error *e) {
    enum status rc = STATUS_OK;
    int32_t *symbol = NULL;
    unicode_clear(&t->text);
    TRY(tokenizer_clean(&t->text, text, size, NULL, e));
    symbol = malloc(t->text.n * UNICODE_UTF8_MAX * sizeof *symbol);
    if (!symbol) {
        rc = no_memory(e);
        goto done;
    }
    for (struct tokenizer_word word = {0};;) {
        word = tokenizer_clean_word(&t->text, word.end);
        if (word.kind == TOKENIZER_WORD_END) break;
        if (word.kind != TOKENIZER_WORD_TEXT) continue;
        int n = 0;
        for (size_t i = word.first; i < word.end; i++) {
            char bytes[UNICODE_UTF8_MAX];
            int n_bytes = unicode_to_utf8(bytes, t->text.at[i]);
            for (int k = 0; k < n_bytes; k++) symbol[n++] = t->id_of[(uint8_t)bytes[k]];
        }
        symbol[n - 1] += TOKENIZER_BYTES;
        TRY(add_word(t, symbol, n, e));
    }
done:
    free(symbol);
    return rc;
}

int64_t tokenizer_train_words(const struct tokenizer_train *t, int64_t *n_different) {
    *n_different = t->n_words;
    return t->n_counted;
}

static size_t pair_place(const struct tokenizer_train *t, int32_t left, int32_t right) {
    size_t i = (size_t)pair_hash(left, right) & (t->pair_table.n - 1);
    for (; t->pair_table.at[i] >= 0; i = (i + 1) & (t->pair_table.n - 1)) {
        const struct pair *p = &t->pairs[t->pair_table.at[i]];
        if (p->left == left && p->right == right) break;
    }
    return i;
}

/* Adds word w, `times` times, to the count of a pair. */
static enum status count_pair(struct tokenizer_train *t, int32_t left, int32_t right, int32_t w,
                              int64_t times, struct error *e) {
    size_t i = pair_place(t, left, right);
    if (t->pair_table.at[i] < 0) {
        if (!grow((void **)&t->pairs, t->n_pairs, &t->pairs_capacity, sizeof *t->pairs))
            return no_memory(e);
        t->pairs[t->n_pairs] = (struct pair){.left = left, .right = right};
        t->pair_table.at[i] = t->n_pairs++;
        if ((size_t)t->n_pairs * 2 > t->pair_table.n) {
            struct table larger;
            if (!table_create(&larger, t->pair_table.n * 2)) return no_memory(e);
            for (int32_t k = 0; k < t->n_pairs; k++)
                table_put(&larger, pair_hash(t->pairs[k].left, t->pairs[k].right), k);
            free(t->pair_table.at);
            t->pair_table = larger;
            i = pair_place(t, left, right);
        }
    }
    struct pair *p = &t->pairs[t->pair_table.at[i]];
    p->count += times;
    if (times < 0 || (p->n_words && p->word[p->n_words - 1] == w)) return STATUS_OK;
    if (!grow((void **)&p->word, p->n_words, &p->capacity, sizeof *p->word)) return no_memory(e);
    p->word[p->n_words++] = w;
    return STATUS_OK;
}

/* Counts all pairs of a word, or takes them back (sign -1). */
static enum status count_word(struct tokenizer_train *t, int32_t w, int sign, struct error *e) {
    const struct word *word = &t->words[w];
    for (int i = 0; i + 1 < word->n; i++) {
        enum status rc =
            count_pair(t, word->symbol[i], word->symbol[i + 1], w, sign * word->count, e);
        if (rc != STATUS_OK) return rc;
    }
    return STATUS_OK;
}

static bool name_is_taken(const struct tokenizer_train *t, const char *name, size_t n,
                          uint64_t hash) {
    size_t i = (size_t)hash & (t->name_table.n - 1);
    for (; t->name_table.at[i] >= 0; i = (i + 1) & (t->name_table.n - 1)) {
        const char *taken = t->names[t->name_table.at[i]];
        if (strlen(taken) == n && !memcmp(taken, name, n)) return true;
    }
    return false;
}

/* Gives the next symbol this name. *taken: the name was in use, and nothing happened. */
static enum status name_symbol(struct tokenizer_train *t, const char *name, size_t n, bool *taken,
                               struct error *e) {
    uint64_t hash = hash_64(name, n, 0);
    *taken = name_is_taken(t, name, n, hash);
    if (*taken) return STATUS_OK;
    char *copy = malloc(n + 1);
    if (!copy) return no_memory(e);
    memcpy(copy, name, n);
    copy[n] = 0;
    t->names[t->n_symbols] = copy;
    table_put(&t->name_table, hash, t->n_symbols++);
    return STATUS_OK;
}

/* Index of the pair to merge next, or -1. */
static int32_t best_pair(const struct tokenizer_train *t) {
    int32_t best = -1;
    for (int32_t i = 0; i < t->n_pairs; i++) {
        const struct pair *p = &t->pairs[i], *b = best < 0 ? NULL : &t->pairs[best];
        if (p->count < 2 || p->refused) continue;
        if (!b || p->count > b->count ||
            (p->count == b->count &&
             (p->left < b->left || (p->left == b->left && p->right < b->right))))
            best = i;
    }
    return best;
}

/* Writes `whole` for left, right wherever they stand side by side in a word. */
static void merge_word(struct word *word, int32_t left, int32_t right, int32_t whole) {
    int n = 0;
    for (int i = 0; i < word->n; i++) {
        bool here = i + 1 < word->n && word->symbol[i] == left && word->symbol[i + 1] == right;
        word->symbol[n++] = here ? whole : word->symbol[i];
        i += here;
    }
    word->n = n;
}

/* Makes the pair a symbol and updates words and counts. *done is false when the pair was
 * refused. */
static enum status merge_pair(struct tokenizer_train *t, int32_t index, bool *done,
                              struct error *e) {
    enum status rc = STATUS_OK;
    struct pair *p = &t->pairs[index];
    const int32_t left = p->left, right = p->right, whole = t->n_symbols;
    char name[2 * NAME_MAX_BYTES];
    size_t n = strlen(t->names[left]), n_right = strlen(t->names[right]);
    bool taken = n + n_right > NAME_MAX_BYTES;
    memcpy(name, t->names[left], n);
    memcpy(name + n, t->names[right], n_right);
    if (!taken) TRY(name_symbol(t, name, n + n_right, &taken, e));
    p->refused = taken;
    *done = !taken;
    /* Counting may move t->pairs, so keep this pair's list. No word is added to it: its two symbols
     * are never neighbours again. */
    for (int i = 0; !taken && i < t->pairs[index].n_words; i++) {
        int32_t w = t->pairs[index].word[i];
        int before = t->words[w].n;
        struct word *word = &t->words[w];
        bool here = false;
        for (int k = 0; k + 1 < before && !here; k++)
            here = word->symbol[k] == left && word->symbol[k + 1] == right;
        if (!here) continue; /* an earlier merge took one of the two */
        TRY(count_word(t, w, -1, e));
        merge_word(word, left, right, whole);
        TRY(count_word(t, w, 1, e));
    }
done:
    return rc;
}

static enum status prepare(struct tokenizer_train *t, int size, struct error *e) {
    enum status rc = STATUS_OK;
    t->names = calloc((size_t)size, sizeof *t->names);
    if (!t->names || !table_create(&t->name_table, 1 << 17) ||
        !table_create(&t->pair_table, 1 << 12))
        return no_memory(e);
    for (int i = 0; i < N_BASE; i++) {
        char name[TOKENIZER_BYTES_NAME_MAX];
        bool taken;
        TRY(name_symbol(t, name, tokenizer_bytes_name(name, i), &taken, e));
    }
    for (int32_t w = 0; w < t->n_words; w++) TRY(count_word(t, w, 1, e));
done:
    return rc;
}

enum status tokenizer_train_write(struct tokenizer_train *t, int size, const char *path,
                                  struct error *e) {
    enum status rc = STATUS_OK;
    struct text text = {0};
    if (size < TOKENIZER_TRAIN_SIZE_MIN || size > TOKENIZER_TRAIN_SIZE_MAX)
        return fail(e, STATUS_BAD_ARG, "vocabulary: size: expected %d to %d, found %d",
                    TOKENIZER_TRAIN_SIZE_MIN, TOKENIZER_TRAIN_SIZE_MAX, size);
    TRY(prepare(t, size, e));
    text_append(&text, "#version: 0.2");
    while (t->n_symbols < size - N_SPECIAL) {
        bool merged;
        int32_t best = best_pair(t);
        if (best < 0) {
            rc = fail(e, STATUS_BAD_DATA,
                      "vocabulary: %" PRId64 " words are too few for %d entries; ask for at most "
                      "%d, or give more captions",
                      t->n_counted, size, t->n_symbols + N_SPECIAL);
            goto done;
        }
        int32_t left = t->pairs[best].left, right = t->pairs[best].right;
        TRY(merge_pair(t, best, &merged, e));
        if (merged) text_printf(&text, "\n%s %s", t->names[left], t->names[right]);
    }
    TRY(text_check(&text, e));
    TRY(file_write_all(path, text.bytes, text.n, e));
done:
    text_release(&text);
    return rc;
}
