/* Index files. One that is taken is safe to walk, and is the same when it is written and read
 * again. Its own digest and CRC are repaired first in every second input, so that changes reach
 * what they cover. An input that is no index is a list of names, one in a line: a shard of members
 * with these names is indexed, and the index says what a plain grouping of the names does. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "data/shards/index.h"
#include "data/shards/shard.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"
#include "tests/fixture.h"
#include "tests/fuzz/fuzz.h"

enum {
    CRC_AT = 12,
    COVERED_FROM = 16,
    DIGEST_AT = 56,
    BODY_AT = 72,
    NAMES_MAX = 48,
    NAME_BYTES_MAX = 100
};

static const char *shard, *beside, *saved, *cache;

static void walk(const struct index *index) {
    for (uint64_t i = 0; i < index->n_samples; i++) {
        const struct index_sample *s = &index->sample[i];
        CHECK(strlen(index_key(index, i)) < index->n_strings);
        CHECK(index_damage_text((enum index_damage)s->damage));
        CHECK(s->n_members || s->damage || !index_find(index, i, "txt"));
        for (uint32_t k = 0; k < s->n_members; k++) {
            const struct index_member *m = &index->member[s->member + k];
            CHECK(index_find(index, i, index->strings + m->extension));
            CHECK(m->offset <= index->shard_size && m->size <= index->shard_size - m->offset);
        }
    }
}

static void same(const struct index *a, const struct index *b) {
    CHECK(a->digest == b->digest && a->shard_size == b->shard_size &&
          a->shard_time == b->shard_time);
    CHECK(a->n_samples == b->n_samples && a->n_members == b->n_members);
    walk(b);
}

static void read_index(const uint8_t *given, size_t n) {
    struct index index = {0}, again = {0};
    struct error e;
    uint8_t *bytes = malloc(n ? n : 1);
    CHECK(bytes);
    if (n) memcpy(bytes, given, n);
    if (n >= BODY_AT && given[n - 1] % 2 == 0) {
        const uint64_t digest = hash_64(bytes + BODY_AT, n - BODY_AT, 0);
        memcpy(bytes + DIGEST_AT, &digest, sizeof digest);
        const uint32_t crc = hash_crc32c(0, bytes + COVERED_FROM, n - COVERED_FROM);
        memcpy(bytes + CRC_AT, &crc, sizeof crc);
    }
    fixture_write(beside, bytes, n);
    const enum status rc = index_kept(&index, shard, NULL, &e);
    CHECK(rc == STATUS_OK || rc == STATUS_NOT_FOUND);
    CHECK((index_load(&again, beside, &e) == STATUS_OK) == (rc == STATUS_OK));
    index_release(&again);
    if (rc == STATUS_OK) {
        walk(&index);
        CHECK(index_save(&index, saved, &e) == STATUS_OK);
        CHECK(index_load(&again, saved, &e) == STATUS_OK);
        same(&index, &again);
        index_release(&again);
    }
    index_release(&index);
    free(bytes);
}

/* Members of this name follow each other; how many samples do they make, and does one come twice?
 */
static uint64_t count_samples(char names[][NAME_BYTES_MAX + 1], int n) {
    uint64_t samples = 0;
    const char *key = NULL;
    size_t key_length = 0, length;
    const char *extension;
    for (int i = 0; i < n; i++) {
        if (!shard_split(names[i], &length, &extension)) continue;
        if (!key || length != key_length || strncmp(names[i], key, length)) samples++;
        key = names[i];
        key_length = length;
    }
    return samples;
}

static void index_names(const uint8_t *bytes, size_t n) {
    static char names[NAMES_MAX][NAME_BYTES_MAX + 1];
    struct fixture_tar tar = {0};
    struct index built = {0}, opened = {0}, looked = {0}, kept = {0};
    struct error e;
    int n_names = 0;
    for (size_t at = 0; at < n && n_names < NAMES_MAX; n_names++) {
        const uint8_t *end = memchr(bytes + at, '\n', n - at);
        const size_t length = end ? (size_t)(end - bytes) - at : n - at;
        const size_t kept_length = length < NAME_BYTES_MAX ? length : NAME_BYTES_MAX;
        memcpy(names[n_names], bytes + at, kept_length);
        names[n_names][kept_length] = '\0';
        at += length + 1;
        /* Else libarchive has its own mind about the name: a folder, none, or not in UTF-8. */
        for (char *c = names[n_names]; *c; c++)
            if ((unsigned char)*c >= 0x80 || (*c == '/' && !c[1])) *c = '_';
        if (!*names[n_names]) memcpy(names[n_names], "_", 2);
        fixture_tar_text(&tar, names[n_names], names[n_names]);
    }
    fixture_tar_end(&tar);
    fixture_write(shard, tar.bytes, tar.n);
    fixture_tar_release(&tar);
    /* An index of a shard that is younger than the clock's step would wait. */
    const struct timespec past[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    CHECK(utimensat(AT_FDCWD, shard, past, 0) == 0);
    const char *folder = n % 2 ? cache : NULL;
    const uint64_t expected = count_samples(names, n_names);
    const enum status rc = index_build(&built, shard, &e);
    CHECK(rc == (expected ? STATUS_OK : STATUS_BAD_DATA));
    if (rc == STATUS_OK) {
        CHECK(built.n_samples == expected);
        walk(&built);
        /* Every third one cannot be written beside the shard: a folder is there. */
        file_remove(beside, NULL);
        if (n % 3 == 0) CHECK(mkdir(beside, 0700) == 0);
        CHECK(index_open(&opened, shard, folder, &e) == STATUS_OK);
        CHECK(opened.is_unkept == (n % 3 == 0 && !folder));
        same(&built, &opened);
        CHECK(index_look(&looked, shard, folder, &e) == STATUS_OK);
        CHECK(looked.built == opened.is_unkept);
        same(&built, &looked);
        CHECK((index_kept(&kept, shard, folder, &e) == STATUS_OK) == !opened.is_unkept);
        index_release(&kept);
        CHECK(index_rebuild(&kept, shard, folder, &e) == STATUS_OK);
        same(&built, &kept);
        file_remove_tree(beside, NULL);
        file_remove_tree(cache, NULL);
    }
    index_release(&built);
    index_release(&opened);
    index_release(&looked);
    index_release(&kept);
}

int LLVMFuzzerTestOneInput(const uint8_t *given, size_t n) {
    static const char magic[] = "SAP";
    if (!shard) {
        const char *folder = fixture_folder();
        shard = fixture_path(folder, "fuzz.tar");
        beside = fixture_path(folder, "fuzz.tar.index");
        saved = fixture_path(folder, "saved.index");
        cache = fixture_path(folder, "cache");
        log_set_level(LOG_ERROR);
    }
    if (n < sizeof magic - 1 || memcmp(given, magic, sizeof magic - 1))
        index_names(given, n);
    else
        read_index(given, n);
    return 0;
}
