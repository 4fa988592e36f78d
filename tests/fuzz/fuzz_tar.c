/* Tar shards. A scan fails, or gives members that lie inside the file with the CRC of the bytes
 * there; an index made of it reads the same bytes. */
#include <fcntl.h>
#include <sys/stat.h>

#include "data/dataset.h"
#include "data/index.h"
#include "data/shard.h"
#include "pipeline/base/hash.h"
#include "tests/fixture.h"
#include "tests/fuzz/fuzz.h"

struct input {
    const uint8_t *bytes;
    size_t n;
    uint64_t end; /* of the member before */
};

static enum status visit(void *context, const struct shard_member *m, struct error *e) {
    struct input *input = context;
    (void)e;
    CHECK(m->offset >= input->end && m->offset <= input->n);
    if (!m->damage) {
        CHECK(m->size <= input->n - m->offset);
        CHECK(m->crc == hash_crc32c(0, input->bytes + m->offset, m->size));
        input->end = m->offset + m->size;
    }
    return STATUS_OK;
}

static void read_all(const char *path) {
    struct dataset *d = NULL;
    struct dataset_memory memory = {0};
    struct error e;
    const struct dataset_source source = {.name = "fuzz", .shards = path, .look_only = true};
    if (dataset_open(&d, &source, &e) != STATUS_OK) return;
    const struct index *index = dataset_index(d, 0);
    for (uint64_t i = 0; i < index->n_samples; i++) {
        const struct index_sample *s = &index->sample[i];
        for (uint32_t k = 0; k < s->n_members; k++) {
            const char *extension = index->strings + index->member[s->member + k].extension;
            const enum status rc = dataset_member(d, (int64_t)i, extension, &memory, &e);
            CHECK(rc == (s->damage == INDEX_DAMAGE_NONE ? STATUS_OK : STATUS_BAD_DATA));
        }
    }
    dataset_memory_release(&memory);
    dataset_close(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    static const char *path;
    struct input input = {.bytes = bytes, .n = n};
    struct index index = {0};
    struct error e;
    if (!path) path = fixture_path(fixture_folder(), "fuzz.tar");
    fixture_write(path, bytes, n);
    /* An index of a shard that is younger than the clock's step would wait. */
    const struct timespec past[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    CHECK(utimensat(AT_FDCWD, path, past, 0) == 0);
    const enum status rc = shard_scan(path, visit, &input, &e);
    CHECK(rc == STATUS_OK || rc == STATUS_BAD_DATA);
    const enum status built = index_build(&index, path, &e);
    CHECK(built == STATUS_OK || built == STATUS_BAD_DATA);
    CHECK(built != STATUS_OK || rc == STATUS_OK);
    index_release(&index);
    if (built == STATUS_OK) read_all(path);
    return 0;
}
