/* Vocabulary files: merges, plain or zipped, tokenizer.json, and SentencePiece models, whose first
 * byte gives them their name here. One that is taken encodes any text. */
#include <string.h>

#include "data/texts/tokenizer.h"
#include "tests/fixture.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    static const char text[] = "A cat's 12 kittens, d\xC3\xA9j\xC3\xA0 vu &amp; \xF0\x9F\x90\xB1";
    static const char *merges, *model;
    struct tokenizer *t = NULL;
    struct error e;
    int32_t ids[77];
    char decoded[256];
    int length = 0;
    if (!merges) {
        const char *folder = fixture_folder();
        merges = fixture_path(folder, "fuzz.txt");
        model = fixture_path(folder, "fuzz.model");
    }
    const char *path = n && bytes[0] == 0x0A ? model : merges;
    fixture_write(path, bytes, n);
    enum status rc = tokenizer_open(&t, path, &e);
    CHECK(rc == STATUS_OK || rc == STATUS_BAD_DATA || (rc == STATUS_UNSUPPORTED && path == model));
    CHECK((rc == STATUS_OK) == (t != NULL));
    if (!t) return 0;
    rc = tokenizer_encode(t, text, strlen(text), ids, 77, &length, NULL, &e);
    CHECK(rc == STATUS_OK || rc == STATUS_BAD_DATA);
    for (int k = 0; rc == STATUS_OK && k < length; k++)
        CHECK(ids[k] >= 0 && ids[k] < tokenizer_size(t));
    if (rc == STATUS_OK) tokenizer_decode(t, ids, length, decoded, sizeof decoded);
    tokenizer_close(&t);
    return 0;
}
