/* Places and contents are known from the tar built here without libarchive. */
#include "data/shards/index.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"
#include "tests/check.h"
#include "tests/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void grouping_tar(struct fixture_tar *tar) {
    fixture_tar_text(tar, "a.jpg", "A");
    fixture_tar_text(tar, "a.txt", "a");
    fixture_tar_text(tar, "README", "belongs to no sample");
    fixture_tar_text(tar, "d.x/b.seg.PNG", "B");
    fixture_tar_text(tar, "d.x/b.TXT", "b");
    fixture_tar_text(tar, "twice.txt", "1");
    fixture_tar_text(tar, "twice.TXT", "2");
    fixture_tar_text(tar, "again.jpg", "1");
    fixture_tar_text(tar, "between.jpg", "1");
    fixture_tar_text(tar, "again.txt", "2");
    for (int i = 0; i < 17; i++) {
        char name[32];
        snprintf(name, sizeof name, "many.%d", i);
        fixture_tar_text(tar, name, "x");
    }
    fixture_tar_end(tar);
}

static void sample_is(const struct index *x, uint64_t i, const char *key, uint32_t n_members,
                      enum index_damage damage) {
    CHECK_TEXT(index_key(x, i), key);
    CHECK_EQUAL(x->sample[i].n_members, n_members);
    CHECK_EQUAL(x->sample[i].damage, damage);
}

static void groups_are_right(const struct index *x, const struct fixture_tar *tar) {
    if (!CHECK_EQUAL(x->n_samples, 7)) return;
    sample_is(x, 0, "a", 2, INDEX_DAMAGE_NONE);
    sample_is(x, 1, "d.x/b", 2, INDEX_DAMAGE_NONE);
    sample_is(x, 2, "twice", 1, INDEX_DAMAGE_TWICE);
    sample_is(x, 3, "again", 1, INDEX_DAMAGE_KEY);
    sample_is(x, 4, "between", 1, INDEX_DAMAGE_NONE);
    sample_is(x, 5, "again", 1, INDEX_DAMAGE_KEY);
    sample_is(x, 6, "many", 16, INDEX_DAMAGE_MEMBERS);
    const struct index_member *m = index_find(x, 1, "seg.png");
    if (CHECK_TRUE(m != NULL)) {
        CHECK_EQUAL(m->size, 1);
        CHECK_EQUAL(tar->bytes[m->offset], 'B');
        CHECK_EQUAL(m->crc, hash_crc32c_table(0, "B", 1));
    }
    CHECK_TRUE(index_find(x, 1, "txt") != NULL);
    CHECK_TRUE(index_find(x, 1, "png") == NULL);
}

static void test_grouping_and_reuse(void) {
    const char *path = fixture_path(fixture_folder(), "s.tar");
    char beside[600];
    struct fixture_tar tar = {0};
    struct index built, read, again;
    struct error e;
    snprintf(beside, sizeof beside, "%s.index", path);
    grouping_tar(&tar);
    fixture_write(path, tar.bytes, tar.n);
    CHECK_EQUAL(index_open(&built, path, NULL, &e), STATUS_OK);
    CHECK_TRUE(built.built && file_exists(beside));
    groups_are_right(&built, &tar);
    CHECK_EQUAL(index_open(&read, path, NULL, &e), STATUS_OK);
    CHECK_TRUE(!read.built);
    CHECK_EQUAL(read.digest, built.digest);
    groups_are_right(&read, &tar);
    /* The same names and sizes with one other byte: another digest. */
    for (size_t i = 0; i < tar.n; i++)
        if (tar.bytes[i] == 'B') tar.bytes[i] = 'C';
    fixture_write(path, tar.bytes, tar.n);
    CHECK_EQUAL(index_open(&again, path, NULL, &e), STATUS_OK);
    CHECK_TRUE(again.built && again.digest != built.digest);
    index_release(&built);
    index_release(&read);
    index_release(&again);
    fixture_tar_release(&tar);
}

/* Any flipped bit or cut of the index file leads to a new one, and to the same result. */
static void test_damaged_index(void) {
    const char *path = fixture_path(fixture_folder(), "s.tar");
    char beside[600];
    struct fixture_tar tar = {0};
    struct index x;
    struct error e;
    char *whole;
    size_t n;
    int reused = 0, wrong = 0, tried = 0;
    snprintf(beside, sizeof beside, "%s.index", path);
    fixture_tar_text(&tar, "a.jpg", "A");
    fixture_tar_text(&tar, "a.txt", "a");
    fixture_tar_end(&tar);
    fixture_write(path, tar.bytes, tar.n);
    CHECK_EQUAL(index_open(&x, path, NULL, &e), STATUS_OK);
    const uint64_t digest = x.digest;
    index_release(&x);
    CHECK_EQUAL(file_read_all(&whole, &n, beside, 1 << 20, &e), STATUS_OK);
    for (size_t i = 0; i < n; i++, tried++) {
        whole[i] ^= 4;
        fixture_write(beside, whole, i % 3 ? n : i);
        whole[i] ^= 4;
        CHECK_EQUAL(index_open(&x, path, NULL, &e), STATUS_OK);
        reused += !x.built;
        wrong += x.digest != digest;
        index_release(&x);
    }
    CHECK_EQUAL(reused, 0);
    CHECK_EQUAL(wrong, 0);
    CHECK_TRUE(tried > 100);
    free(whole);
    fixture_tar_release(&tar);
}

/* Captions of two samples changed places: every CRC and size is right, and the digest is kept. */
static void test_forged_index(void) {
    const char *path = fixture_path(fixture_folder(), "s.tar");
    char beside[600], *bytes;
    struct fixture_tar tar = {0};
    struct index x;
    struct error e;
    size_t n;
    snprintf(beside, sizeof beside, "%s.index", path);
    fixture_tar_text(&tar, "a.txt", "a");
    fixture_tar_text(&tar, "b.txt", "b");
    fixture_tar_end(&tar);
    fixture_write(path, tar.bytes, tar.n);
    CHECK_EQUAL(index_open(&x, path, NULL, &e), STATUS_OK);
    const uint64_t digest = x.digest;
    index_release(&x);
    CHECK_EQUAL(file_read_all(&bytes, &n, beside, 1 << 20, &e), STATUS_OK);
    CHECK_EQUAL(index_load(&x, beside, &e), STATUS_OK);
    CHECK_EQUAL(index_bytes(bytes, INDEX_HEADER), n);
    const uint64_t many = x.shard_size / 512 + 1;
    memcpy(bytes + 32, &many, sizeof many); /* samples */
    CHECK_EQUAL(index_bytes(bytes, INDEX_HEADER), 0);
    memcpy(bytes + 32, &x.n_samples, sizeof many);
    const size_t at = n - x.n_strings - 2 * sizeof *x.member;
    index_release(&x);
    struct index_member member[2];
    memcpy(member, bytes + at, sizeof member);
    memcpy(bytes + at, &member[1], sizeof *member);
    memcpy(bytes + at + sizeof *member, &member[0], sizeof *member);
    const uint32_t crc = hash_crc32c(0, bytes + 16, n - 16);
    memcpy(bytes + 12, &crc, sizeof crc);
    fixture_write(beside, bytes, n);
    CHECK_EQUAL(index_load(&x, beside, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "s.tar.index: not an index of the shard whose digest it has"));
    CHECK_EQUAL(index_kept(&x, path, NULL, &e), STATUS_NOT_FOUND);
    CHECK_EQUAL(index_open(&x, path, NULL, &e), STATUS_OK);
    CHECK_TRUE(x.built && x.digest == digest);
    CHECK_EQUAL(x.member[0].crc, hash_crc32c_table(0, "a", 1));
    index_release(&x);
    free(bytes);
    fixture_tar_release(&tar);
}

/* The index of a newer version is not read and not written over; without a cache the own one is in
 * memory only. */
static void test_newer_index(void) {
    const char *path = fixture_path(fixture_folder(), "s.tar");
    char cache[600], beside[600], *whole = NULL, *found = NULL;
    struct fixture_tar tar = {0};
    struct index x;
    struct error e;
    size_t n, n_found;
    snprintf(beside, sizeof beside, "%s.index", path);
    snprintf(cache, sizeof cache, "%s/cache-newer", fixture_folder());
    fixture_tar_text(&tar, "a.jpg", "A");
    fixture_tar_end(&tar);
    fixture_write(path, tar.bytes, tar.n);
    CHECK_EQUAL(index_open(&x, path, NULL, &e), STATUS_OK);
    CHECK_EQUAL(file_read_all(&whole, &n, beside, 1 << 20, &e), STATUS_OK);
    whole[8] = 2;
    fixture_write(beside, whole, n);
    CHECK_EQUAL(index_save(&x, beside, &e), STATUS_UNSUPPORTED);
    index_release(&x);
    CHECK_EQUAL(index_load(&x, beside, &e), STATUS_UNSUPPORTED);
    CHECK_TRUE(strstr(e.text, "s.tar.index: an index of version 2") != NULL);
    for (int i = 0; i < 3; i++) {
        CHECK_EQUAL(index_open(&x, path, i ? cache : NULL, &e), STATUS_OK);
        CHECK_EQUAL(x.is_unkept, i == 0);
        CHECK_EQUAL(x.built, i < 2);
        index_release(&x);
    }
    CHECK_EQUAL(index_rebuild(&x, path, NULL, &e), STATUS_OK);
    CHECK_TRUE(x.is_unkept);
    index_release(&x);
    CHECK_EQUAL(file_read_all(&found, &n_found, beside, 1 << 20, &e), STATUS_OK);
    CHECK_TRUE(n_found == n && !memcmp(found, whole, n));
    free(whole);
    free(found);
    fixture_tar_release(&tar);
}

static void test_cache_folder(void) {
    const char *path = fixture_path(fixture_folder(), "s.tar");
    char cache[600], beside[600];
    struct fixture_tar tar = {0};
    struct index x;
    struct error e;
    snprintf(beside, sizeof beside, "%s.index", path);
    snprintf(cache, sizeof cache, "%s/deep/cache", fixture_folder());
    fixture_tar_text(&tar, "a.jpg", "A");
    fixture_tar_end(&tar);
    fixture_write(path, tar.bytes, tar.n);
    /* A folder where the index would go: it cannot be written there, even by root. */
    CHECK_EQUAL(file_make_folder(beside, &e), STATUS_OK);
    CHECK_EQUAL(index_open(&x, path, cache, &e), STATUS_OK);
    CHECK_TRUE(x.built);
    index_release(&x);
    CHECK_EQUAL(index_open(&x, path, cache, &e), STATUS_OK);
    CHECK_TRUE(!x.built);
    CHECK_TEXT(index_key(&x, 0), "a");
    index_release(&x);
    /* A shard of the same name in another folder has an index of its own there. */
    char twin[600], twin_index[620];
    snprintf(twin, sizeof twin, "%s/twin/s.tar", fixture_folder());
    snprintf(twin_index, sizeof twin_index, "%s.index", twin);
    CHECK_EQUAL(file_make_folders(twin_index, &e), STATUS_OK);
    fixture_write(twin, tar.bytes, tar.n);
    for (int i = 0; i < 4; i++) {
        CHECK_EQUAL(index_open(&x, i % 2 ? path : twin, cache, &e), STATUS_OK);
        CHECK_EQUAL(x.built, i == 0);
        index_release(&x);
    }
    fixture_tar_release(&tar);
}

static void test_errors(void) {
    const char *folder = fixture_folder(), *path = fixture_path(folder, "s.tar");
    struct fixture_tar tar = {0};
    struct index x;
    struct error e;
    CHECK_EQUAL(index_open(&x, fixture_path(folder, "none.tar"), NULL, &e), STATUS_NOT_FOUND);
    fixture_tar_text(&tar, "README", "no sample");
    fixture_tar_end(&tar);
    fixture_write(path, tar.bytes, tar.n);
    CHECK_EQUAL(index_open(&x, path, NULL, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "no sample"));
    CHECK_TRUE(x.block == NULL);
    fixture_tar_release(&tar);
}

int main(void) {
    test_grouping_and_reuse();
    log_set_level(LOG_ERROR); /* hundreds of bad indices are named */
    test_damaged_index();
    log_set_level(LOG_WARNING);
    test_forged_index();
    test_newer_index();
    test_cache_folder();
    test_errors();
    return check_report();
}
