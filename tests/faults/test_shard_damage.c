/* Damage to a shard, swept: every cut, every bit of every header, payload bits, runs of zeros. What
 * is good is known from the shard built here without libarchive. Nothing may be lost silently: a
 * scan either fails or gives every member; a sample read through the index either fails or gives
 * the bytes that were indexed. */
#include "data/shards/dataset.h"
#include "data/shards/index.h"
#include "data/shards/shard.h"
#include "tests/check.h"
#include "tests/fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SAMPLES = 4, MEMBERS = 3 * SAMPLES, FLIPS = 10000, RUNS = 3000, RUN_MAX = 3000 };

static struct fixture_tar tar;
static size_t offset_of[MEMBERS], size_of[MEMBERS]; /* of the members' bytes */
static const char *path;
static int fd;

static void build_shard(void) {
    for (int i = 0; i < SAMPLES; i++) {
        char name[32], text[64];
        size_t n;
        uint8_t *png = fixture_png_noise(&n, 9 + i, 11, (uint32_t)i);
        snprintf(name, sizeof name, "%03d.png", i);
        size_of[3 * i] = n;
        offset_of[3 * i] = fixture_tar_add(&tar, name, '0', png, n);
        snprintf(name, sizeof name, "%03d.txt", i);
        snprintf(text, sizeof text, "caption %d", i);
        size_of[3 * i + 1] = strlen(text);
        offset_of[3 * i + 1] = fixture_tar_text(&tar, name, text);
        snprintf(name, sizeof name, "%03d.json", i);
        snprintf(text, sizeof text, "{\"number\": %d}", i);
        size_of[3 * i + 2] = strlen(text);
        offset_of[3 * i + 2] = fixture_tar_text(&tar, name, text);
        free(png);
    }
    fixture_tar_end(&tar);
    path = fixture_path(fixture_folder(), "s.tar");
    fixture_write(path, tar.bytes, tar.n);
    fd = open(path, O_RDWR);
    CHECK_TRUE(fd >= 0);
}

/* Members that a scan gave just as they were built. */
static enum status count_good(void *context, const struct shard_member *m, struct error *e) {
    int *n_good = context;
    (void)e;
    if (*n_good < MEMBERS && m->offset == offset_of[*n_good] && m->size == size_of[*n_good] &&
        !m->damage)
        ++*n_good;
    return STATUS_OK;
}

/* 1: the damage is reported, 0: there is no harm, -1: something is lost silently. */
static int scan(void) {
    int n_good = 0;
    if (shard_scan(path, count_good, &n_good, NULL) != STATUS_OK) return 1;
    return n_good == MEMBERS ? 0 : -1;
}

static void put(size_t at, const void *bytes, size_t n) {
    if (pwrite(fd, bytes, n, (off_t)at) != (ssize_t)n) abort();
}

static void test_every_cut(void) {
    int silent = 0, reported = 0;
    CHECK_EQUAL(scan(), 0);
    for (size_t n = tar.n; n-- > 0;) {
        if (ftruncate(fd, (off_t)n)) abort();
        const int found = scan();
        silent += found < 0;
        reported += found > 0;
    }
    put(0, tar.bytes, tar.n);
    CHECK_EQUAL(silent, 0);
    CHECK_EQUAL(reported, (int)tar.n); /* a missing zero block is reported too */
    CHECK_EQUAL(scan(), 0);
}

static void test_every_header_bit(void) {
    int silent = 0, reported = 0, tried = 0;
    for (int m = 0; m < MEMBERS; m++)
        for (int bit = 0; bit < 512 * 8; bit++, tried++) {
            const size_t at = offset_of[m] - 512 + (size_t)bit / 8;
            const uint8_t flipped = tar.bytes[at] ^ (uint8_t)(1 << bit % 8);
            put(at, &flipped, 1);
            const int found = scan();
            silent += found < 0;
            reported += found > 0;
            put(at, &tar.bytes[at], 1);
        }
    CHECK_EQUAL(tried, MEMBERS * 4096);
    CHECK_EQUAL(silent, 0);
    /* The checksum field ends with bytes that no reader looks at. */
    if (!CHECK_TRUE(reported > tried * 99 / 100)) fprintf(stderr, "    %d reported\n", reported);
}

/* Samples of which a member read through the index is not what was built, though it was given. */
static int read_through_index(const struct dataset *d, int *refused) {
    static const char *const extension[] = {"png", "txt", "json"};
    struct dataset_memory memory = {0};
    struct error e;
    int silent = 0;
    for (int m = 0; m < MEMBERS; m++) {
        if (dataset_member(d, m / 3, extension[m % 3], &memory, &e) != STATUS_OK)
            ++*refused;
        else
            silent += memory.bytes.n != size_of[m] ||
                      memcmp(memory.bytes.bytes, tar.bytes + offset_of[m], size_of[m]);
    }
    dataset_memory_release(&memory);
    return silent;
}

static uint32_t next_random(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void test_payload_bits(const struct dataset *d) {
    uint32_t seed = 1;
    int silent = 0, refused = 0;
    for (int i = 0; i < FLIPS; i++) {
        const int m = (int)(next_random(&seed) % MEMBERS);
        const size_t at = offset_of[m] + next_random(&seed) % size_of[m];
        const uint8_t flipped = tar.bytes[at] ^ (uint8_t)(1 << next_random(&seed) % 8);
        put(at, &flipped, 1);
        silent += read_through_index(d, &refused);
        put(at, &tar.bytes[at], 1);
    }
    CHECK_EQUAL(silent, 0);
    CHECK_EQUAL(refused, FLIPS); /* the member that was hit and no other */
}

/* What `sapwood shards check` compares: a fresh scan with the index. A scan alone cannot see zeros
 * that run from a header to the end of the shard. */
static bool differs_from_index(const struct dataset *d) {
    static const struct timespec long_ago[2]; /* an index waits for a shard that is young */
    struct index fresh = {0};
    if (futimens(fd, long_ago)) abort();
    const bool differs =
        index_build(&fresh, path, NULL) != STATUS_OK || fresh.digest != dataset_index(d, 0)->digest;
    index_release(&fresh);
    return differs;
}

static void test_zero_runs(const struct dataset *d) {
    static const uint8_t zeros[RUN_MAX];
    uint32_t seed = 2;
    const size_t end = offset_of[MEMBERS - 1] + size_of[MEMBERS - 1];
    int silent = 0, n_harmful = 0, n_seen = 0, n_to_the_end = 0, n_lost_inside = 0;
    for (int i = 0; i < RUNS; i++) {
        size_t at = next_random(&seed) % (tar.n - 1024), n = 1 + next_random(&seed) % RUN_MAX;
        int refused = 0;
        if (i % 2) at -= at % 512; /* as a disk loses sectors */
        if (i % 2) n = (n + 511) / 512 * 512;
        if (n > RUN_MAX) n = RUN_MAX / 512 * 512;
        if (n > tar.n - at) n = tar.n - at;
        const bool is_harmful = memcmp(tar.bytes + at, zeros, n) != 0;
        put(at, zeros, n);
        n_harmful += is_harmful;
        n_seen += is_harmful && differs_from_index(d);
        const bool is_lost = scan() < 0;
        n_to_the_end += is_lost && at + n >= end;
        n_lost_inside += is_lost && at + n < end; /* what lies behind must be seen not to be zero */
        silent += read_through_index(d, &refused);
        put(at, tar.bytes + at, n);
    }
    CHECK_EQUAL(silent, 0);
    CHECK_EQUAL(n_seen, n_harmful);
    CHECK_EQUAL(n_lost_inside, 0);
    CHECK_TRUE(n_harmful > RUNS / 2 && n_to_the_end > 0);
}

int main(void) {
    struct dataset *d;
    struct error e;
    build_shard();
    const struct dataset_source source = {.name = "s", .shards = path};
    if (dataset_open(&d, &source, &e) != STATUS_OK) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    test_payload_bits(d);
    test_zero_runs(d);
    test_every_header_bit();
    test_every_cut();
    dataset_close(&d);
    close(fd);
    fixture_tar_release(&tar);
    return check_report();
}
