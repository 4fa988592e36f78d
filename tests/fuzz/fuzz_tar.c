/* Tar shards. A scan fails, or gives members that lie inside the file with the CRC of the bytes
 * there; an index made of it reads the same bytes, and a shard written with the same members has
 * the same content. The checksums of headers are repaired first in two of three inputs, so that
 * changes reach what follows them. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data/shards/dataset.h"
#include "data/shards/index.h"
#include "data/shards/shard.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "tests/fixture.h"
#include "tests/fuzz/fuzz.h"

enum { BLOCK = 512, SIZE_AT = 124, CHECKSUM_AT = 148 };

struct input {
    const uint8_t *bytes;
    size_t n;
    uint64_t end; /* of the member before */
};

static void repair_headers(uint8_t *bytes, size_t n) {
    for (size_t at = 0; n >= BLOCK && at <= n - BLOCK;) {
        uint8_t *header = bytes + at;
        unsigned sum = 8 * ' ';
        uint64_t size = 0;
        at += BLOCK;
        for (int i = 0; i < BLOCK; i++)
            if (i < CHECKSUM_AT || i >= CHECKSUM_AT + 8) sum += header[i];
        if (sum == 8 * ' ') continue; /* a zero block */
        snprintf((char *)header + CHECKSUM_AT, 8, "%06o", sum);
        header[CHECKSUM_AT + 7] = ' ';
        for (int i = 0; i < 11 && header[SIZE_AT + i] >= '0' && header[SIZE_AT + i] <= '7'; i++)
            size = size * 8 + header[SIZE_AT + i] - '0';
        if (size < n - at) at += (size + BLOCK - 1) / BLOCK * BLOCK;
    }
}

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

/* An index that was written is the one that is read. */
static void keep_index(const struct index *built, const char *path, const char *beside) {
    struct index kept = {0}, opened = {0};
    struct error e;
    CHECK(index_save(built, beside, &e) == STATUS_OK);
    CHECK(index_kept(&kept, path, NULL, &e) == STATUS_OK && kept.digest == built->digest);
    CHECK(index_open(&opened, path, NULL, &e) == STATUS_OK && !opened.built);
    CHECK(opened.digest == built->digest);
    index_release(&kept);
    index_release(&opened);
    CHECK(file_remove(beside, &e) == STATUS_OK);
}

/* Copies members as they come; what does not fit the writer's form ends the copy. */
struct copy {
    const struct input *input;
    struct shard_writer *writer;
    int n_members;
    uint64_t sum; /* of names, sizes and CRCs */
};

static uint64_t add_member(uint64_t sum, const struct shard_member *m) {
    return hash_64(m->name, strlen(m->name), sum) + m->size + m->crc;
}

static enum status copy_member(void *context, const struct shard_member *m, struct error *e) {
    struct copy *c = context;
    if (m->damage) return STATUS_OK;
    const enum status rc = shard_add(c->writer, m->name, c->input->bytes + m->offset, m->size, e);
    CHECK(rc == STATUS_OK || rc == STATUS_BAD_ARG);
    if (rc != STATUS_OK) return rc;
    c->n_members++;
    c->sum = add_member(c->sum, m);
    return rc;
}

static enum status sum_member(void *context, const struct shard_member *m, struct error *e) {
    (void)e;
    CHECK(!m->damage);
    *(uint64_t *)context = add_member(*(uint64_t *)context, m);
    return STATUS_OK;
}

static void write_again(const struct input *input, const char *path, const char *copy_path) {
    struct copy copy = {.input = input};
    struct error e;
    uint64_t sum = 0;
    CHECK(shard_create(&copy.writer, copy_path, &e) == STATUS_OK);
    if (shard_scan(path, copy_member, &copy, &e) != STATUS_OK) {
        shard_abandon(&copy.writer);
        CHECK(!file_exists(copy_path));
        return;
    }
    CHECK(shard_finish(&copy.writer, &e) == STATUS_OK && !copy.writer);
    const enum status rc = shard_scan(copy_path, sum_member, &sum, &e);
    CHECK(rc == (copy.n_members ? STATUS_OK : STATUS_BAD_DATA) && sum == copy.sum);
    CHECK(file_remove(copy_path, &e) == STATUS_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *given, size_t n) {
    static const char *path, *beside, *copy;
    struct index index = {0};
    struct error e;
    uint8_t *bytes = malloc(n ? n : 1);
    CHECK(bytes);
    if (n) memcpy(bytes, given, n);
    if (n / BLOCK % 3) repair_headers(bytes, n);
    struct input input = {.bytes = bytes, .n = n};
    if (!path) {
        const char *folder = fixture_folder();
        path = fixture_path(folder, "fuzz.tar");
        beside = fixture_path(folder, "fuzz.tar.index");
        copy = fixture_path(folder, "copy.tar");
    }
    fixture_write(path, bytes, n);
    /* An index of a shard that is younger than the clock's step would wait. */
    const struct timespec past[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    CHECK(utimensat(AT_FDCWD, path, past, 0) == 0);
    const enum status rc = shard_scan(path, visit, &input, &e);
    CHECK(rc == STATUS_OK || rc == STATUS_BAD_DATA);
    const enum status built = index_build(&index, path, &e);
    CHECK(built == STATUS_OK || built == STATUS_BAD_DATA);
    CHECK(built != STATUS_OK || rc == STATUS_OK);
    if (built == STATUS_OK) {
        keep_index(&index, path, beside);
        read_all(path);
    }
    index_release(&index);
    if (rc == STATUS_OK) write_again(&input, path, copy);
    free(bytes);
    return 0;
}
