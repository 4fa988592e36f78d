/* Training a vocabulary. The expected merges were printed by tests/golden/make_merges.py, a naive
 * implementation that counts everything anew for each merge. */
#include "data/texts/tokenizer.h"
#include "data/texts/tokenizer_train.h"
#include "pipeline/base/file.h"
#include "tests/check.h"
#include "tests/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const texts[] = {"low low low low low lower lower",
                                    "newest newest newest newest newest newest",
                                    "widest widest widest", "banana bandana aaaa aaaaa"};

static const char merges[] = "#version: 0.2\n"
                             "e s\nes t</w>\nl o\ne w\nn ew\nnew est</w>\na a\nlo w</w>\na n\n"
                             "d est</w>\ni dest</w>\nw idest</w>\nb an\ne r</w>\nw er</w>\n"
                             "lo wer</w>\nan a</w>";
enum { N_TEXTS = sizeof texts / sizeof *texts, N_MERGES = 17 };

/* Trains on the texts, from the first or from the last one on. */
static enum status train(const char *path, int size, bool backwards, struct error *e) {
    struct tokenizer_train *t = NULL;
    enum status rc;
    TRY(tokenizer_train_create(&t, e));
    for (int i = 0; i < N_TEXTS; i++) {
        const char *text = texts[backwards ? N_TEXTS - 1 - i : i];
        TRY(tokenizer_train_add(t, text, strlen(text), e));
    }
    CHECK_EQUAL(tokenizer_train_add(t, "", 0, e), STATUS_BAD_DATA);
    int64_t n_different;
    CHECK_EQUAL(tokenizer_train_words(t, &n_different), 20);
    CHECK_EQUAL(n_different, 8);
    TRY(tokenizer_train_write(t, size, path, e));
done:
    tokenizer_train_destroy(&t);
    return rc;
}

static void test_merges(const char *path) {
    struct error e = {0};
    for (int backwards = 0; backwards < 2; backwards++) {
        char *bytes = NULL;
        size_t n = 0;
        CHECK_EQUAL(train(path, 514 + N_MERGES, backwards, &e), STATUS_OK);
        CHECK_EQUAL(file_read_all(&bytes, &n, path, 1 << 20, &e), STATUS_OK);
        CHECK_TEXT(bytes, merges);
        free(bytes);
    }
    CHECK_EQUAL(train(path, 514 + N_MERGES + 1, false, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "at most 531") != NULL);
    CHECK_EQUAL(train(path, 514, false, &e), STATUS_BAD_ARG);
}

/* The file is read back: w, o, r, k are bytes, `lower` is one symbol. */
static void test_read_back(const char *path) {
    struct error e = {0};
    struct tokenizer *t = NULL;
    int32_t ids[8];
    int length = 0;
    char text[64];
    CHECK_EQUAL(train(path, 514 + N_MERGES, false, &e), STATUS_OK);
    if (!CHECK_EQUAL(tokenizer_open(&t, path, &e), STATUS_OK)) return;
    CHECK_EQUAL(tokenizer_size(t), 514 + N_MERGES);
    CHECK_EQUAL(tokenizer_encode(t, "Lower banana", 12, ids, 8, &length, NULL, &e), STATUS_OK);
    const int32_t expected[8] = {529, 512 + 15, 512 + 12, 512 + 16, 530};
    /* banana: b an + ana</w> would need "an a</w>" on "an", "ana" is never made: ban, ana</w> */
    CHECK_EQUAL(length, 5);
    for (int i = 0; i < length; i++) CHECK_EQUAL(ids[i], expected[i]);
    tokenizer_decode(t, ids, length, text, sizeof text);
    CHECK_TEXT(text, "lower banana ");
    tokenizer_close(&t);
}

int main(void) {
    const char *path = fixture_path(fixture_folder(), "merges.txt");
    test_merges(path);
    test_read_back(path);
    return check_report();
}
