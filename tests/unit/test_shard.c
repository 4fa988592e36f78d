/* Offsets, sizes and contents are known from the tar built here without libarchive. */
#include "data/shards/shard.h"
#include "data/shards/shard_list.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "tests/check.h"
#include "tests/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SEEN_MAX = 16 };

struct seen {
    int n, n_damaged;
    struct {
        char name[300];
        uint64_t offset, size;
        uint32_t crc;
    } member[SEEN_MAX];
};

static enum status note(void *context, const struct shard_member *m, struct error *e) {
    struct seen *s = context;
    (void)e;
    if (s->n < SEEN_MAX) {
        snprintf(s->member[s->n].name, sizeof s->member[0].name, "%s", m->name);
        s->member[s->n].offset = m->offset;
        s->member[s->n].size = m->size;
        s->member[s->n].crc = m->crc;
    }
    s->n++;
    s->n_damaged += m->damage != NULL;
    return STATUS_OK;
}

static enum status scan_bytes(const char *path, const void *bytes, size_t n, struct seen *s,
                              struct error *e) {
    fixture_write(path, bytes, n);
    *s = (struct seen){0};
    return shard_scan(path, note, s, e);
}

static size_t small_tar(struct fixture_tar *tar, size_t offsets[6]) {
    char big[700];
    memset(big, 'x', sizeof big);
    offsets[0] = fixture_tar_text(tar, "a.jpg", "picture a");
    offsets[1] = fixture_tar_text(tar, "a.txt", "a caption");
    fixture_tar_add(tar, "folder/", '5', "", 0);
    offsets[2] = fixture_tar_add(tar, "folder/b.c.png", '0', big, sizeof big);
    offsets[3] = fixture_tar_text(tar, "folder/b.txt", "");
    fixture_tar_add(tar, "link.txt", '2', "", 0);
    /* A GNU long name and a pax name outside ASCII. */
    char name[201];
    memset(name, 'n', 196);
    memcpy(name + 196, ".txt", 5);
    fixture_tar_add(tar, "././@LongLink", 'L', name, 201);
    offsets[4] = fixture_tar_text(tar, "cut-name.txt", "long");
    const char pax[] = "18 path=caf\xc3\xa9.txt\n";
    fixture_tar_add(tar, "pax", 'x', pax, strlen(pax));
    offsets[5] = fixture_tar_text(tar, "cafe.txt", "pax");
    size_t end = tar->n;
    fixture_tar_end(tar);
    return end;
}

static void test_members_and_offsets(void) {
    const char *path = fixture_path(fixture_folder(), "a.tar");
    struct fixture_tar tar = {0};
    struct seen s;
    struct error e = {0};
    size_t offsets[6];
    small_tar(&tar, offsets);
    CHECK_EQUAL(scan_bytes(path, tar.bytes, tar.n, &s, &e), STATUS_OK);
    CHECK_TEXT(e.text, "");
    CHECK_EQUAL(s.n, 6);
    CHECK_EQUAL(s.n_damaged, 0);
    for (int i = 0; i < 6; i++) {
        CHECK_EQUAL(s.member[i].offset, offsets[i]);
        CHECK_EQUAL(s.member[i].crc,
                    hash_crc32c_table(0, tar.bytes + offsets[i], s.member[i].size));
    }
    CHECK_TEXT(s.member[2].name, "folder/b.c.png");
    CHECK_EQUAL(s.member[2].size, 700);
    CHECK_EQUAL(s.member[3].size, 0);
    CHECK_EQUAL(strlen(s.member[4].name), 200);
    CHECK_TEXT(s.member[5].name, "caf\xc3\xa9.txt");
    fixture_tar_release(&tar);
}

/* Every cut, zero tail and header bit is an error, or loses nothing. */
static void test_every_damage_is_found(void) {
    const char *path = fixture_path(fixture_folder(), "a.tar");
    struct fixture_tar tar = {0};
    struct seen whole, s;
    size_t offsets[6], end = small_tar(&tar, offsets);
    int silent = 0, refused = 0;
    CHECK_EQUAL(scan_bytes(path, tar.bytes, tar.n, &whole, NULL), STATUS_OK);
    for (size_t n = tar.n; n-- > 0;) {
        if (n > 40 && n < end - 40 && n % 512 > 1 && n % 512 < 511 && n % 37) continue;
        CHECK_EQUAL(truncate(path, (off_t)n), 0);
        s = (struct seen){0};
        if (shard_scan(path, note, &s, NULL) == STATUS_OK)
            silent += s.n != whole.n || memcmp(&s, &whole, sizeof s) != 0;
        else
            refused++;
    }
    CHECK_EQUAL(silent, 0);
    CHECK_TRUE(refused > 200);
    /* One zero block of the two is a cut too, though nothing is lost yet. */
    CHECK_EQUAL(scan_bytes(path, tar.bytes, tar.n - 512, &s, NULL), STATUS_BAD_DATA);
    /* Zeroed from a member on: a cut that a preallocated file or a sparse copy leaves. */
    const size_t zero_from[] = {0, offsets[1] - 512, offsets[2] - 512, offsets[3] - 512};
    for (int i = 0; i < 4; i++) {
        uint8_t *copy = malloc(tar.n);
        memcpy(copy, tar.bytes, tar.n);
        memset(copy + zero_from[i], 0, 512);
        CHECK_EQUAL(scan_bytes(path, copy, tar.n, &s, NULL), STATUS_BAD_DATA);
        free(copy);
    }
    fixture_tar_release(&tar);
}

static void test_header_bits(void) {
    const char *path = fixture_path(fixture_folder(), "a.tar");
    struct fixture_tar tar = {0};
    struct seen whole, s;
    int silent = 0, refused = 0;
    fixture_tar_text(&tar, "a.jpg", "picture a");
    size_t header = fixture_tar_text(&tar, "a.txt", "a caption") - 512;
    fixture_tar_text(&tar, "b.txt", "b");
    fixture_tar_end(&tar);
    CHECK_EQUAL(scan_bytes(path, tar.bytes, tar.n, &whole, NULL), STATUS_OK);
    for (int bit = 0; bit < 512 * 8; bit += bit < 160 * 8 ? 3 : 41) {
        tar.bytes[header + (size_t)bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (scan_bytes(path, tar.bytes, tar.n, &s, NULL) == STATUS_OK)
            silent += memcmp(&s, &whole, sizeof s) != 0;
        else
            refused++;
        tar.bytes[header + (size_t)bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    CHECK_EQUAL(silent, 0);
    CHECK_TRUE(refused > 400);
    fixture_tar_release(&tar);
}

static void test_refusals(void) {
    const char *folder = fixture_folder(), *path = fixture_path(folder, "x.tar");
    struct seen s;
    struct error e;
    CHECK_EQUAL(scan_bytes(path, "\x1f\x8b\x08garbage", 10, &s, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "compressed shard") && strstr(e.text, "gzip -dc <"));
    struct fixture_tar tar = {0}; /* a name is no reason */
    fixture_tar_text(&tar, "BZh9.jpg", "picture");
    fixture_tar_end(&tar);
    CHECK_EQUAL(scan_bytes(path, tar.bytes, tar.n, &s, &e), STATUS_OK);
    fixture_tar_release(&tar);
    CHECK_EQUAL(scan_bytes(path, "no tar at all", 13, &s, &e), STATUS_BAD_DATA);
    CHECK_EQUAL(scan_bytes(path, "", 0, &s, &e), STATUS_BAD_DATA);
    uint8_t zeros[2048] = {0};
    CHECK_EQUAL(scan_bytes(path, zeros, sizeof zeros, &s, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "no member"));
    CHECK_EQUAL(shard_scan(fixture_path(folder, "none.tar"), note, &s, &e), STATUS_NOT_FOUND);
}

static void split_is(const char *name, const char *key, const char *extension) {
    size_t n = 0;
    const char *found = NULL;
    bool part = shard_split(name, &n, &found);
    CHECK_EQUAL(part, key != NULL);
    if (!part || !key) return;
    CHECK_EQUAL(n, strlen(key));
    CHECK_TRUE(strncmp(name, key, n) == 0);
    CHECK_TEXT(found, extension);
}

/* conventions of webdataset: tariterators.base_plus_ext */
static void test_split(void) {
    split_is("000.jpg", "000", "jpg");
    split_is("a.b/c.seg.PNG", "a.b/c", "seg.PNG");
    split_is("dir.x/y.txt", "dir.x/y", "txt");
    split_is("noext", NULL, NULL);
    split_is("a.b/noext", NULL, NULL);
    split_is("a/.hidden", NULL, NULL);
    split_is("__worker__", NULL, NULL);
    split_is("__a.b__", NULL, NULL);
    split_is("x.", "x", "");
}

static void expand_is(const char *spec, int n, const char *const *paths) {
    struct shard_list list = {0};
    struct error e = {0};
    CHECK_EQUAL(shard_list_expand(&list, spec, &e), STATUS_OK);
    CHECK_EQUAL(list.n, n);
    for (int i = 0; i < n && i < list.n; i++) CHECK_TEXT(list.path[i], paths[i]);
    shard_list_release(&list);
}

static void refuse_is(const char *spec, const char *said) {
    struct shard_list list = {0};
    struct error e = {0};
    CHECK_EQUAL(shard_list_expand(&list, spec, &e), STATUS_BAD_ARG);
    if (!CHECK_TRUE(strstr(e.text, said))) fprintf(stderr, "    said: %s\n", e.text);
    shard_list_release(&list);
}

static void test_lists(void) {
    expand_is("a.tar", 1, (const char *[]){"a.tar"});
    expand_is("http://[::1]/x.tar", 1, (const char *[]){"http://[::1]/x.tar"});
    expand_is("http://[2001:db8::1]:80/{0..1}.tar::b.tar::http://[::1]/c.tar", 4,
              (const char *[]){"http://[2001:db8::1]:80/0.tar", "http://[2001:db8::1]:80/1.tar",
                               "b.tar", "http://[::1]/c.tar"});
    expand_is("s-{008..011}.tar", 4,
              (const char *[]){"s-008.tar", "s-009.tar", "s-010.tar", "s-011.tar"});
    expand_is("s{9..10}", 2, (const char *[]){"s9", "s10"});
    expand_is("{a,b}-{0..1}::c", 5, (const char *[]){"a-0", "a-1", "b-0", "b-1", "c"});
    expand_is("x{,y}", 2, (const char *[]){"x", "xy"});
    refuse_is("pipe:zcat a.tar.gz", "zcat a.tar.gz > shard.tar");
    expand_is("https://h/a-{0..1}.tar?x=1::s3://b/c.tar::d.tar", 4,
              (const char *[]){"https://h/a-0.tar?x=1", "https://h/a-1.tar?x=1", "s3://b/c.tar",
                               "d.tar"});
    refuse_is("gs://b/a.tar", "s3://bucket/key");
    refuse_is("http://h/a.tar.zst?x=1", "http://h/a.tar.zst?...: compressed shard");
    refuse_is("http://h/a.tar.zst?x=1", "zstd -dk a.tar.zst");
    refuse_is("https://h/folder/", "folders and lists on a server are not read");
    refuse_is("https://h/list.txt", "folders and lists on a server are not read");
    refuse_is("https://h/{a.tar?x=1", "https://h/{a.tar?...: {");
    refuse_is("a-{0..2}.tar.zst", "zstd -dk a-0.tar.zst");
    refuse_is("a::", "empty");
    refuse_is("a{", "{");
    refuse_is("a}", "}");
    refuse_is("a{{0..1}}", "{");
    refuse_is("a{3..1}", "backwards");
    refuse_is("a{x}", "braces");
    refuse_is("{0..9999999}", "more than");
}

static void test_folders_and_list_files(void) {
    const char *folder = fixture_folder();
    char spec[600], first[600], second[600];
    struct shard_list list = {0};
    struct error e;
    CHECK_EQUAL(shard_list_expand(&list, folder, &e), STATUS_NOT_FOUND);
    fixture_write(fixture_path(folder, "b.tar"), "x", 1);
    fixture_write(fixture_path(folder, "a.tar"), "x", 1);
    fixture_write(fixture_path(folder, "a.tar.index"), "x", 1);
    fixture_write(fixture_path(folder, "list.txt"), "# comment\nb.tar\n\n/abs/c.tar\r\n", 29);
    snprintf(first, sizeof first, "%s/a.tar", folder);
    snprintf(second, sizeof second, "%s/b.tar", folder);
    expand_is(folder, 2, (const char *[]){first, second});
    snprintf(spec, sizeof spec, "%s/list.txt", folder);
    expand_is(spec, 2, (const char *[]){second, "/abs/c.tar"});
    shard_list_release(&list);
}

static void test_writer(void) {
    const char *folder = fixture_folder(), *path = fixture_path(folder, "w.tar");
    struct shard_writer *w;
    struct seen s = {0};
    struct error e = {0};
    char *first = NULL, *second = NULL;
    size_t n_first = 0, n_second = 0;
    for (int pass = 0; pass < 2; pass++) {
        CHECK_EQUAL(shard_create(&w, path, &e), STATUS_OK);
        CHECK_EQUAL(shard_add(w, "0.jpg", "jpeg", 4, &e), STATUS_OK);
        CHECK_EQUAL(shard_add(w, "0.txt", "", 0, &e), STATUS_OK);
        CHECK_EQUAL(shard_finish(&w, &e), STATUS_OK);
        CHECK_TRUE(w == NULL);
        CHECK_EQUAL(
            file_read_all(pass ? &second : &first, pass ? &n_second : &n_first, path, 1 << 20, &e),
            STATUS_OK);
    }
    CHECK_EQUAL(n_first, n_second);
    CHECK_TRUE(first && second && memcmp(first, second, n_first) == 0);
    CHECK_TRUE(first && strcmp(first + 100, "000444 ") == 0); /* USTAR's mode field */
    CHECK_TRUE(first && strcmp(first + 265, "bigdata") == 0); /* and its owner's name */
    CHECK_EQUAL(shard_scan(path, note, &s, &e), STATUS_OK);
    CHECK_EQUAL(s.n, 2);
    CHECK_TEXT(s.member[0].name, "0.jpg");
    CHECK_EQUAL(s.member[0].size, 4);
    /* Given up, or with a name that does not fit: nothing is left behind, the old file stays. */
    char name[300];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    CHECK_EQUAL(shard_create(&w, path, &e), STATUS_OK);
    CHECK_EQUAL(shard_add(w, name, "x", 1, &e), STATUS_BAD_ARG);
    shard_abandon(&w);
    struct file_list names = {0};
    CHECK_EQUAL(file_list_read(&names, folder, &e), STATUS_OK);
    CHECK_EQUAL(names.n, 1);
    file_list_release(&names);
    free(first);
    free(second);
}

int main(void) {
    test_members_and_offsets();
    test_every_damage_is_found();
    test_header_bits();
    test_refusals();
    test_split();
    test_lists();
    test_folders_and_list_files();
    test_writer();
    return check_report();
}
