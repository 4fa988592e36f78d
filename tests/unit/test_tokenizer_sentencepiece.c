/* SigLIP's tokenizer: ids of transformers' SiglipTokenizer with the same small model
 * (tests/golden/make_spiece.py). tests/peers compares more texts and a model with all rules. */
#include "data/texts/tokenizer.h"
#include "data/texts/tokenizer_sentencepiece.h"
#include "pipeline/base/file.h"
#include "pipeline/base/json.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODEL SAPWOOD_SOURCE_DIR "/tests/fixtures/spiece.model"
#define IDS SAPWOOD_SOURCE_DIR "/tests/golden/spiece_ids.json"

enum { CONTEXT = 16, END = 1 };

static struct error e;

static void test_golden(const struct tokenizer *t) {
    struct json_document *d = NULL;
    int n = 0;
    CHECK_EQUAL(json_read(&d, IDS, 0, &e), STATUS_OK);
    for (const struct json *item = json_root(d)->first; item; item = item->next, n++) {
        const char *text;
        int32_t ids[CONTEXT];
        int length = 0, k = 0;
        CHECK_EQUAL(json_text(item, "text", &text, &e), STATUS_OK);
        CHECK_EQUAL(tokenizer_encode(t, text, strlen(text), ids, CONTEXT, &length, NULL, &e),
                    STATUS_OK);
        for (const struct json *id = json_find(item, "ids")->first; id; id = id->next, k++) {
            int64_t expected;
            CHECK_EQUAL(json_as_int(id, 0, 255, &expected, &e), STATUS_OK);
            if (!CHECK_EQUAL(ids[k], expected)) printf("    id %d of %s\n", k, text);
        }
        CHECK_EQUAL(k, CONTEXT);
        for (k = 0; ids[k] != END;) k++;
        CHECK_EQUAL(length, k + 1);
    }
    CHECK_EQUAL(n, 20);
    json_destroy(&d);
}

static void test_rest(const struct tokenizer *t) {
    int32_t ids[CONTEXT];
    int length, replaced;
    char text[64];
    CHECK_EQUAL(tokenizer_size(t), 256);
    CHECK_EQUAL(tokenizer_start(t), -1);
    CHECK_EQUAL(tokenizer_end(t), END);
    CHECK_TRUE(tokenizer_hash(t) != 0);
    tokenizer_nothing(t, ids, CONTEXT, &length);
    CHECK_EQUAL(length, 1);
    for (int i = 0; i < CONTEXT; i++) CHECK_EQUAL(ids[i], END);
    CHECK_EQUAL(tokenizer_encode(t, "A Cat!", 6, ids, CONTEXT, &length, NULL, &e), STATUS_OK);
    tokenizer_decode(t, ids, CONTEXT, text, sizeof text);
    CHECK_TEXT(text, "\xe2\x96\x81"
                     "a\xe2\x96\x81"
                     "cat");
    CHECK_EQUAL(tokenizer_encode(t, "a\xff", 2, ids, CONTEXT, &length, &replaced, &e), STATUS_OK);
    CHECK_EQUAL(replaced, 1);
    CHECK_EQUAL(tokenizer_encode(t, " ?! ", 4, ids, CONTEXT, &length, NULL, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "punctuation") != NULL);
}

/* Every beginning of a model, and one with a byte changed, opens or is refused. */
static void test_damaged(void) {
    char *bytes;
    size_t n;
    struct tokenizer_sentencepiece *t = NULL;
    CHECK_EQUAL(file_read_all(&bytes, &n, MODEL, 1 << 20, &e), STATUS_OK);
    for (size_t cut = 0; cut < n; cut += 97) {
        const enum status rc = tokenizer_sentencepiece_open(&t, bytes, cut, &e);
        CHECK_TRUE(rc == STATUS_OK || (rc == STATUS_BAD_DATA && t == NULL));
        if (cut < 10) CHECK_EQUAL(rc, STATUS_BAD_DATA);
        if (t) tokenizer_sentencepiece_close(&t);
    }
    free(bytes);
}

int main(void) {
    struct tokenizer *t = NULL;
    const enum status rc = tokenizer_open(&t, MODEL, &e);
    if (rc == STATUS_UNSUPPORTED) {
        CHECK_TRUE(strstr(e.text, "libsentencepiece-dev") != NULL);
        printf("skipped: %s\n", e.text);
        return check_report() ? 1 : 77;
    }
    if (!CHECK_EQUAL(rc, STATUS_OK)) printf("    %s\n", e.text);
    test_golden(t);
    test_rest(t);
    test_damaged();
    tokenizer_close(&t);
    CHECK_TRUE(t == NULL);
    return check_report();
}
