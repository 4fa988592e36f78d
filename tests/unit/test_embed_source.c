/* What sapwood embed reads: rows, keys and pieces of each kind of place. */
#include "pipeline/base/file.h"
#include "pipeline/features/embed_source.h"
#include "tests/check.h"
#include "tests/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct error e;
static const char *folder;

/* All keys of a place, and the number of pieces; the text of an error if it has one. */
static int64_t read_all(struct text *keys, const char *place, bool is_texts, enum caption_use use,
                        uint64_t *digest) {
    struct embed_source *s;
    const struct embed_piece *piece;
    const struct embed_source_params params = {
        .place = place, .is_texts = is_texts, .captions = use};
    int64_t pieces = 0, rows = 0;
    enum status rc;
    text_clear(keys);
    *digest = 0;
    if (embed_source_open(&s, &params, &e) != STATUS_OK) {
        text_append(keys, e.text);
        return -1;
    }
    while ((rc = embed_source_next(s, &piece, &e)) == STATUS_OK) {
        pieces++;
        rows += piece->n_rows;
        *digest = piece->digest;
        text_append_bytes(keys, text_string(&piece->keys), piece->keys.n);
        CHECK_TRUE(piece->n_rows > 0 && piece->n_rows <= embed_source_rows_max(s));
    }
    CHECK_EQUAL(rc, STATUS_END);
    int64_t lines = 0;
    for (size_t i = 0; i < keys->n; i++) lines += keys->bytes[i] == '\n';
    CHECK_EQUAL(lines, rows);
    embed_source_close(&s);
    return pieces;
}

static void test_lines(void) {
    static const char bytes[] = "one\r\ntwo words\n\n a\0b \nlast";
    const char *path = fixture_path(folder, "lines.txt");
    struct text keys = {0};
    uint64_t digest, other;
    fixture_write(path, bytes, sizeof bytes - 1);
    CHECK_EQUAL(read_all(&keys, path, true, CAPTION_WHOLE, &digest), 1);
    CHECK_TEXT(text_string(&keys), "one\ntwo words\n\n a b \nlast\n");
    fixture_write(path, "one\ntwo words\n\n a b \nlast\n", 25);
    CHECK_EQUAL(read_all(&keys, path, true, CAPTION_WHOLE, &other), 1);
    CHECK_TRUE(digest == other);
    fixture_write(path, "one\ntwo word\n\n a b \nlast\n", 24);
    CHECK_EQUAL(read_all(&keys, path, true, CAPTION_WHOLE, &other), 1);
    CHECK_TRUE(digest != other);
    fixture_write(path, "", 0);
    CHECK_EQUAL(read_all(&keys, path, true, CAPTION_WHOLE, &digest), 0);
    text_release(&keys);
}

/* More lines than a piece, longer than the buffer, and one that no reader takes. */
static void test_many_lines(void) {
    const char *path = fixture_path(folder, "many.txt");
    struct text bytes = {0}, keys = {0};
    uint64_t digest;
    for (int i = 0; i < 10000; i++) {
        text_printf(&bytes, "line %d ", i);
        for (int k = 0; k < i % 100; k++) text_append(&bytes, "and on ");
        text_append_char(&bytes, '\n');
    }
    fixture_write(path, bytes.bytes, bytes.n);
    CHECK_EQUAL(read_all(&keys, path, true, CAPTION_WHOLE, &digest), 3);
    CHECK_TEXT(text_string(&keys), text_string(&bytes));
    text_clear(&bytes);
    for (int i = 0; i < 600000; i++) text_append_char(&bytes, 'x');
    text_append(&bytes, "\nshort\n");
    fixture_write(path, bytes.bytes, bytes.n);
    CHECK_EQUAL(read_all(&keys, path, true, CAPTION_WHOLE, &digest), 1);
    CHECK_EQUAL(keys.n, TOKENIZER_TEXT_MAX + 1 + 1 + 6);
    CHECK_TRUE(!memcmp(keys.bytes + keys.n - 8, "x\nshort\n", 8));
    text_release(&bytes);
    text_release(&keys);
}

static void test_folder(void) {
    struct text keys = {0};
    uint64_t digest;
    char root[FIXTURE_PATH_MAX], path[2 * FIXTURE_PATH_MAX];
    snprintf(root, sizeof root, "%s", fixture_path(folder, "pictures"));
    CHECK_EQUAL(file_make_folder(root, &e), STATUS_OK);
    static const char *const folders[] = {"b", "b/c", "empty"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", root, folders[i]);
        CHECK_EQUAL(file_make_folder(path, &e), STATUS_OK);
    }
    static const char *const files[] = {"a.png", "z.JPG", "b/1.jpeg", "b/c/2.webp",
                                        "b/note.txt", "b/d.bmp"};
    for (size_t i = 0; i < 6; i++) {
        snprintf(path, sizeof path, "%s/%s", root, files[i]);
        fixture_write(path, "x", 1);
    }
    CHECK_EQUAL(read_all(&keys, root, false, CAPTION_WHOLE, &digest), 1);
    CHECK_TEXT(text_string(&keys), "a.png\nb/1.jpeg\nb/c/2.webp\nb/d.bmp\nz.JPG\n");
    snprintf(path, sizeof path, "%s/list.txt", folder);
    fixture_write(path, "pictures/z.JPG\r\n\npictures/a.png", 31);
    CHECK_EQUAL(read_all(&keys, path, false, CAPTION_WHOLE, &digest), 1);
    CHECK_TEXT(text_string(&keys), "pictures/z.JPG\npictures/a.png\n");
    snprintf(path, sizeof path, "%s/pictures/a.png", folder);
    CHECK_EQUAL(read_all(&keys, path, false, CAPTION_WHOLE, &digest), 1);
    CHECK_TEXT(text_string(&keys), "a.png\n");
    snprintf(path, sizeof path, "%s/pictures/empty", folder);
    CHECK_EQUAL(read_all(&keys, path, false, CAPTION_WHOLE, &digest), 0);
    text_release(&keys);
}

static void make_shard(const char *path, int first, int n) {
    struct fixture_tar tar = {0};
    for (int i = first; i < first + n; i++) {
        char name[32], text[64];
        snprintf(name, sizeof name, "%04d.png", i);
        fixture_tar_add(&tar, name, '0', "x", 1);
        snprintf(name, sizeof name, "%04d.txt", i);
        snprintf(text, sizeof text, "caption %d\nand a second", i);
        fixture_tar_add(&tar, name, '0', text, i % 100 == 7 ? 0 : strlen(text));
    }
    fixture_tar_end(&tar);
    fixture_write(path, tar.bytes, tar.n);
    fixture_tar_release(&tar);
}

static void test_shards(void) {
    struct text keys = {0}, expected = {0}, list = {0};
    uint64_t digest, other;
    const char *a = fixture_path(folder, "s-0.tar"), *b = fixture_path(folder, "s-1.tar");
    make_shard(a, 0, 130);
    make_shard(b, 130, 40);
    text_printf(&list, "%s/s-{0..1}.tar", folder);
    for (int i = 0; i < 170; i++) text_printf(&expected, "%04d\n", i);
    CHECK_EQUAL(read_all(&keys, text_string(&list), false, CAPTION_WHOLE, &digest), 3);
    CHECK_TEXT(text_string(&keys), text_string(&expected));
    CHECK_EQUAL(read_all(&keys, text_string(&list), true, CAPTION_WHOLE, &other), 2);
    CHECK_TEXT(text_string(&keys), text_string(&expected));
    text_clear(&expected);
    for (int i = 0; i < 170; i++) {
        text_printf(&expected, "%04d\n", i);
        if (i % 100 != 7) text_printf(&expected, "%04d\n", i);
    }
    CHECK_EQUAL(read_all(&keys, text_string(&list), true, CAPTION_LINES, &other), 2);
    CHECK_TEXT(text_string(&keys), text_string(&expected));
    /* other bytes under the same keys are another input */
    make_shard(b, 130, 40);
    CHECK_EQUAL(read_all(&keys, text_string(&list), false, CAPTION_WHOLE, &other), 3);
    CHECK_TRUE(digest == other);
    text_append(&list, "::");
    text_append(&list, folder);
    text_append(&list, "/s-2.tar");
    CHECK_EQUAL(read_all(&keys, text_string(&list), false, CAPTION_WHOLE, &other), -1);
    CHECK_TRUE(strstr(text_string(&keys), "s-2.tar: not there") != NULL);
    text_release(&keys);
    text_release(&expected);
    text_release(&list);
}

int main(void) {
    folder = fixture_folder();
    test_lines();
    test_many_lines();
    test_folder();
    test_shards();
    return check_report();
}
