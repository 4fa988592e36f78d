/* Vocabulary files. One that is taken encodes any text. */
#include <string.h>

#include "data/tokenizer.h"
#include "tests/fixture.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    static const char text[] = "A cat's 12 kittens, d\xC3\xA9j\xC3\xA0 vu &amp; \xF0\x9F\x90\xB1";
    static const char *const names[] = {"fuzz.txt", "fuzz.json", "fuzz.model"};
    static const char *path[3];
    if (!path[0]) {
        const char *folder = fixture_folder();
        for (int i = 0; i < 3; i++) path[i] = fixture_path(folder, names[i]);
    }
    for (int i = 0; i < 3; i++) {
        struct tokenizer *t = NULL;
        struct error e;
        int32_t ids[77];
        char decoded[256];
        int length = 0;
        fixture_write(path[i], bytes, n);
        enum status rc = tokenizer_open(&t, path[i], &e);
        CHECK(rc == STATUS_OK || rc == STATUS_BAD_DATA);
        CHECK((rc == STATUS_OK) == (t != NULL));
        if (!t) continue;
        rc = tokenizer_encode(t, text, strlen(text), ids, 77, &length, NULL, &e);
        CHECK(rc == STATUS_OK || rc == STATUS_BAD_DATA);
        for (int k = 0; rc == STATUS_OK && k < length; k++)
            CHECK(ids[k] >= 0 && ids[k] < tokenizer_size(t));
        if (rc == STATUS_OK) tokenizer_decode(t, ids, length, decoded, sizeof decoded);
        tokenizer_close(&t);
    }
    return 0;
}
