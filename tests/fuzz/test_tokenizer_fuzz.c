/* Random texts and damaged vocabulary files: a text gives a row that keeps its contract or
 * BAD_DATA, a file gives a tokenizer or BAD_DATA; the sanitizer build watches memory. Long texts of
 * the kinds that are slow in naive code must end soon. test_tokenizer_fuzz [SEED [ROUNDS]] repeats
 * a run */
#include "data/gzip.h"
#include "data/tokenizer.h"
#include "pipeline/base/file.h"
#include "pipeline/base/random.h"
#include "tests/check.h"
#include "tests/fixture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VOCABULARY SAPWOOD_SOURCE_DIR "/tests/fixtures/bpe_simple_vocab_16e6.txt.gz"

enum { ROUNDS = 20000, FILE_ROUNDS = 300, PIECES_MAX = 24, TEXT_MAX = 4096 };

static const char *const pieces[] = {
    "cat",
    "  ",
    "\n",
    "&amp;",
    "&#x1F431;",
    "&#",
    "&#99999999999;",
    "&notit;",
    "<end_of_text>",
    "<|startoftext|>",
    "'s",
    "don't",
    "\xCE\xA3",
    "\xC4\xB0",
    "\xEF\xAC\x83",
    "e\xCC\x81",
    "\xC3",
    "\xF0\x9F",
    "\xED\xA0\x80",
    "\xF4\x90\x80\x80",
    "\xC0\xAF",
    "\xFF",
    "\x1B[31m",
    "\xE1\x84\x80\xE1\x85\xA1",
    "1234",
    "...",
    "\xE3\x80\x80",
    "\xE2\x80\x9C",
    "\x07",
    "\xEF\xBF\xBD",
};

/* start first, an end id at length, nothing but ids, zeros after the end. */
static bool row_is_good(const struct tokenizer *t, const int32_t *ids, int context, int length) {
    bool ended = false;
    if (ids[0] != tokenizer_start(t) || length < 2 || length > context) return false;
    if (ids[length - 1] != tokenizer_end(t)) return false;
    for (int i = 0; i < context; i++) {
        if (ids[i] < 0 || ids[i] >= tokenizer_size(t)) return false;
        ended = ended || ids[i] == tokenizer_end(t);
        if (!ended && i >= length) return false;
    }
    return true;
}

static size_t make_text(char *text, struct random *random) {
    size_t n = 0;
    for (uint64_t k = random_below(random, PIECES_MAX); k; k--) {
        if (random_below(random, 4)) {
            const char *piece = pieces[random_below(random, sizeof pieces / sizeof *pieces)];
            memcpy(text + n, piece, strlen(piece));
            n += strlen(piece);
        } else {
            for (uint64_t i = random_below(random, 9); i; i--)
                text[n++] = (char)random_below(random, 256);
        }
    }
    return n;
}

static void test_texts(const struct tokenizer *t, int rounds, struct random *random) {
    int n_good = 0, n_bad = 0;
    for (int round = 0; round < rounds; round++) {
        char text[TEXT_MAX], *exact;
        int32_t ids[77];
        int length = 0, context = 2 + (int)random_below(random, 76);
        struct error e;
        size_t n = make_text(text, random);
        exact = malloc(n + 1);
        memcpy(exact, text, n);
        exact = realloc(exact, n ? n : 1);
        enum status rc = tokenizer_encode(t, exact, n, ids, context, &length, NULL, &e);
        if (rc == STATUS_OK && row_is_good(t, ids, context, length))
            n_good++;
        else if (rc == STATUS_BAD_DATA)
            n_bad++;
        else
            CHECK_TRUE(!"a row that keeps its contract");
        free(exact);
    }
    CHECK_EQUAL(n_good + n_bad, rounds);
    CHECK_TRUE(n_good > rounds / 4 && n_bad > rounds / 100);
    printf("%d encoded, %d refused\n", n_good, n_bad);
}

/* The longest texts of the kinds that are slow when a step looks at all characters for each. */
static void test_long(const struct tokenizer *t) {
    static const char *const units[] = {"x",        "&amp;",    "abcdefghij",
                                        "\xCC\x81", "\xCE\xA3", "a\xCC\xA3",
                                        "\n",       "&",        "\xE3\x81\x8B\xE3\x82\x99",
                                        "\x1B["};
    char *text = malloc(TOKENIZER_TEXT_MAX);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t n = 0, step = strlen(units[i]);
        int32_t ids[77];
        int length;
        struct error e;
        for (; n + step <= TOKENIZER_TEXT_MAX; n += step) memcpy(text + n, units[i], step);
        clock_t start = clock();
        enum status rc = tokenizer_encode(t, text, n, ids, 77, &length, NULL, &e);
        double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
        CHECK_TRUE(rc == STATUS_OK || rc == STATUS_BAD_DATA);
        if (!CHECK_TRUE(seconds < 5)) printf("    unit %zu: %.1f s\n", i, seconds);
    }
    free(text);
}

/* The first thousand merges, damaged. */
static void test_files(struct random *random) {
    char *bytes = NULL, *text = NULL, *end;
    size_t n, n_text;
    struct error e;
    const char *path = fixture_path(fixture_folder(), "merges.txt");
    int n_good = 0;
    if (!CHECK_EQUAL(file_read_all(&bytes, &n, VOCABULARY, 1 << 20, &e), STATUS_OK)) return;
    if (!CHECK_EQUAL(gzip_inflate(&text, &n_text, bytes, n, 1 << 24, &e), STATUS_OK)) return;
    end = text;
    for (int i = 0; i < 1000; i++) end = strchr(end, '\n') + 1;
    n_text = (size_t)(end - text);
    for (int round = 0; round < FILE_ROUNDS; round++) {
        struct tokenizer *t = NULL;
        bool zipped = round % 3 == 0;
        size_t size = zipped ? n : n_text, at = random_below(random, size);
        char *copy = malloc(size);
        memcpy(copy, zipped ? bytes : text, size);
        if (random_u32(random) & 1)
            copy[at] = "\n \r\0a\xC4\xFF"[random_below(random, 7)];
        else
            size = at;
        CHECK_EQUAL(file_write_all(path, copy, size, &e), STATUS_OK);
        enum status rc = tokenizer_open(&t, path, &e);
        n_good += rc == STATUS_OK;
        if (rc != STATUS_OK && rc != STATUS_BAD_DATA) CHECK_EQUAL(rc, STATUS_BAD_DATA);
        if ((rc == STATUS_OK) != (t != NULL)) CHECK_TRUE(!"tokenizer after failure");
        tokenizer_close(&t);
        free(copy);
    }
    CHECK_TRUE(n_good < FILE_ROUNDS);
    free(bytes);
    free(text);
}

int main(int argc, char **argv) {
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
    int rounds = argc > 2 ? (int)strtol(argv[2], NULL, 0) : ROUNDS;
    struct tokenizer *t = NULL;
    struct error e;
    struct random random = random_begin(seed, RANDOM_TEST, 1, 0);
    printf("seed %" PRIu64 ", %d rounds\n", seed, rounds);
    if (!CHECK_EQUAL(tokenizer_open(&t, VOCABULARY, &e), STATUS_OK)) return check_report();
    test_texts(t, rounds, &random);
    test_long(t);
    test_files(&random);
    tokenizer_close(&t);
    return check_report();
}
