/* Manifests of checkpoints. A checkpoint that opens names files of its folder only, with the bytes
 * it says. The manifest's own CRC is repaired first in all inputs that have one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/base/hash.h"
#include "pipeline/train/checkpoint.h"
#include "tests/fixture.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *given, size_t n) {
    static const char *folder, *path;
    static const char tail[] = ",\n  \"crc32c\": \"........\"\n}\n";
    const size_t n_tail = sizeof tail - 1;
    struct checkpoint *c = NULL;
    struct error e;
    if (!path) {
        folder = fixture_folder();
        path = fixture_path(folder, "MANIFEST.json");
        fixture_write(fixture_path(folder, "model.safetensors"), "12345678", 8);
    }
    char *bytes = malloc(n + 1);
    CHECK(bytes);
    if (n) memcpy(bytes, given, n);
    if (n >= n_tail) {
        char end[sizeof tail];
        snprintf(end, sizeof end, ",\n  \"crc32c\": \"%08" PRIx32 "\"\n}\n",
                 hash_crc32c(0, bytes, n - n_tail));
        memcpy(bytes + n - n_tail, end, n_tail);
    }
    fixture_write(path, bytes, n);
    for (int looked = 0; looked < 2; looked++) {
        const enum status rc =
            looked ? checkpoint_look(&c, folder, &e) : checkpoint_open(&c, folder, &e);
        CHECK(rc == STATUS_OK || rc == STATUS_BAD_DATA || rc == STATUS_NOT_FOUND);
        CHECK((rc == STATUS_OK) == (c != NULL));
        if (c) {
            char file[FILE_PATH_MAX];
            const struct checkpoint_fact fact = {"architecture", "tiny"};
            CHECK(checkpoint_step(c) >= 0 && checkpoint_n_files(c) >= 0);
            CHECK(checkpoint_bytes(c) <= 9 * (uint64_t)(checkpoint_n_files(c) + 1) * n);
            checkpoint_fact(c, "architecture");
            checkpoint_check_facts(c, &fact, 1, NULL, 0, &e);
            if (checkpoint_file(c, "model.safetensors", file, &e) == STATUS_OK)
                CHECK(!strncmp(file, folder, strlen(folder)));
        }
        checkpoint_destroy(&c);
    }
    free(bytes);
    return 0;
}
