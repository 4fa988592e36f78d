/* Index files. One that is taken is safe to walk. Its own CRC is repaired first in every second
 * input, so that changes reach what the CRC covers. */
#include <stdlib.h>
#include <string.h>

#include "data/index.h"
#include "pipeline/base/hash.h"
#include "tests/fixture.h"
#include "tests/fuzz/fuzz.h"

enum { CRC_AT = 12, COVERED_FROM = 16 };

static void walk(const struct index *index) {
    for (uint64_t i = 0; i < index->n_samples; i++) {
        const struct index_sample *s = &index->sample[i];
        CHECK(strlen(index_key(index, i)) < index->n_strings);
        CHECK(index_damage_text((enum index_damage)s->damage));
        for (uint32_t k = 0; k < s->n_members; k++) {
            const struct index_member *m = &index->member[s->member + k];
            CHECK(index_find(index, i, index->strings + m->extension));
            CHECK(m->offset <= index->shard_size && m->size <= index->shard_size - m->offset);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *given, size_t n) {
    static const char *shard, *path;
    struct index index = {0};
    struct error e;
    if (!path) {
        const char *folder = fixture_folder();
        shard = fixture_path(folder, "fuzz.tar");
        path = fixture_path(folder, "fuzz.tar.index");
    }
    uint8_t *bytes = malloc(n ? n : 1);
    CHECK(bytes);
    if (n) memcpy(bytes, given, n);
    if (n >= COVERED_FROM && given[n - 1] % 2 == 0) {
        const uint32_t crc = hash_crc32c(0, bytes + COVERED_FROM, n - COVERED_FROM);
        memcpy(bytes + CRC_AT, &crc, sizeof crc);
    }
    fixture_write(path, bytes, n);
    const enum status rc = index_kept(&index, shard, NULL, &e);
    CHECK(rc == STATUS_OK || rc == STATUS_NOT_FOUND);
    if (rc == STATUS_OK) walk(&index);
    index_release(&index);
    free(bytes);
    return 0;
}
