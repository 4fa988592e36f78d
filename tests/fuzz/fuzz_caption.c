/* Captions: lines, tags, cleaning (UTF-8, HTML, NFC) and ids. A text gives a row that keeps its
 * contract, or BAD_DATA. */
#include <stdlib.h>

#include "data/texts/caption.h"
#include "data/texts/tokenizer.h"
#include "tests/fuzz/fuzz.h"

#define VOCABULARY SAPWOOD_SOURCE_DIR "/tests/fixtures/bpe_simple_vocab_16e6.txt.gz"

enum { CONTEXT = 77 };

/* start first, an end id at length, nothing but ids. */
static void check_row(const struct tokenizer *t, const int32_t *ids, int context, int length) {
    CHECK(length >= 2 && length <= context);
    CHECK(ids[0] == tokenizer_start(t) && ids[length - 1] == tokenizer_end(t));
    for (int i = 0; i < context; i++) CHECK(ids[i] >= 0 && ids[i] < tokenizer_size(t));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    static struct tokenizer *tokenizer;
    struct error e;
    int32_t ids[CONTEXT];
    char decoded[256];
    int length = 0;
    if (!tokenizer) CHECK(tokenizer_open(&tokenizer, VOCABULARY, &e) == STATUS_OK);
    const char *text = (const char *)bytes, *end = text + n;
    const int context = 2 + (int)(n % (CONTEXT - 1));
    const enum status rc =
        tokenizer_encode(tokenizer, text, n, ids, context, &length, NULL, &e);
    CHECK(rc == STATUS_OK || rc == STATUS_BAD_DATA);
    if (rc == STATUS_OK) {
        check_row(tokenizer, ids, context, length);
        tokenizer_decode(tokenizer, ids, length, decoded, sizeof decoded);
    }
    for (int use = 0; use < CAPTION_USE_COUNT; use++) {
        const char *from = text, *caption;
        size_t size;
        while (caption_next(&from, end, (enum caption_use)use, &caption, &size)) {
            struct text dropped = {0};
            struct random random = random_begin(n, RANDOM_TEST, (uint64_t)use, 0);
            CHECK(size > 0 && caption >= text && size <= (size_t)(end - caption));
            caption_drop_tags(&dropped, caption, size, 0.5f, &random);
            CHECK(!dropped.failed && dropped.n <= 2 * size); /* commas get a space */
            text_release(&dropped);
        }
    }
    return 0;
}
