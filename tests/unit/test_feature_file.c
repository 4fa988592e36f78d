/* Feature files: their bytes, going on after an end at every place, and reading them back. The
 * .npy header was compared with what numpy 1.24 writes for the same array, but for its padding. */
#include "pipeline/base/file.h"
#include "pipeline/features/feature_file.h"
#include "tests/check.h"
#include "tests/fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 3, PIECE = 4, PIECES = 5, ROWS = PIECE * PIECES };

static struct error e;
static const char *folder;
static const struct feature_fact facts[] = {{"model", "a"}, {"input", "b"}};

static float value(int64_t row, int k) {
    return row == 7 ? (float)NAN : (float)row + (float)k / 4;
}

/* folder/name, in memory of its own for the whole test. */
static const char *place(const char *name) {
    static char room[32][FIXTURE_PATH_MAX];
    static int n;
    CHECK_TRUE(n < 32);
    snprintf(room[n], sizeof room[n], "%s", fixture_path(folder, name));
    return room[n++];
}

static enum status open_writer(struct feature_writer **w, const char *path,
                               struct feature_progress *p) {
    return feature_writer_open(w, path, WIDTH, facts, 2, p, &e);
}

static void add_piece(struct feature_writer *w, struct feature_progress *p) {
    float rows[PIECE * WIDTH];
    struct text keys = {0};
    for (int i = 0; i < PIECE; i++) {
        for (int k = 0; k < WIDTH; k++) rows[i * WIDTH + k] = value(p->rows + i, k);
        text_printf(&keys, "key %d\n", (int)p->rows + i);
    }
    CHECK_EQUAL(feature_writer_add(w, rows, PIECE, &keys, &e), STATUS_OK);
    text_release(&keys);
    p->items += PIECE;
    p->rows += PIECE;
    p->digest = 17 * (uint64_t)p->rows;
}

static void write_whole(const char *path) {
    struct feature_writer *w;
    struct feature_progress p;
    CHECK_EQUAL(open_writer(&w, path, &p), STATUS_OK);
    CHECK_EQUAL(p.rows, 0);
    for (int i = 0; i < PIECES; i++) add_piece(w, &p);
    CHECK_EQUAL(feature_writer_finish(w, &p, &e), STATUS_OK);
    feature_writer_close(&w);
    CHECK_TRUE(w == NULL);
}

static bool same_file(const char *a, const char *b, const char *end) {
    char path[2][512], *bytes[2] = {NULL, NULL};
    size_t n[2];
    snprintf(path[0], sizeof path[0], "%s%s", a, end);
    snprintf(path[1], sizeof path[1], "%s%s", b, end);
    bool same = true;
    for (int i = 0; i < 2; i++)
        same = same && file_read_all(&bytes[i], &n[i], path[i], 1 << 20, &e) == STATUS_OK;
    same = same && n[0] == n[1] && !memcmp(bytes[0], bytes[1], n[0]);
    free(bytes[0]);
    free(bytes[1]);
    return same;
}

static bool same_files(const char *a, const char *b) {
    return same_file(a, b, "") && same_file(a, b, ".keys.txt") && same_file(a, b, ".json");
}

static void test_bytes(const char *npy, const char *safetensors) {
    static const char header[] = "\x93NUMPY\1\0v\0{'descr': '<f4', 'fortran_order': False, "
                                 "'shape': (20, 3), }";
    char *bytes;
    size_t n;
    CHECK_EQUAL(file_read_all(&bytes, &n, npy, 1 << 20, &e), STATUS_OK);
    CHECK_EQUAL(n, 128 + ROWS * WIDTH * 4);
    CHECK_TRUE(!memcmp(bytes, header, sizeof header - 1));
    CHECK_EQUAL(bytes[127], '\n');
    CHECK_EQUAL(bytes[126], ' ');
    float last;
    memcpy(&last, bytes + n - 4, 4);
    CHECK_CLOSE(last, 19.5, 0);
    free(bytes);
    CHECK_EQUAL(file_read_all(&bytes, &n, safetensors, 1 << 20, &e), STATUS_OK);
    CHECK_EQUAL(n, 512 + ROWS * WIDTH * 4);
    CHECK_EQUAL((uint8_t)bytes[0] + 256 * (uint8_t)bytes[1], 504);
    free(bytes);
}

/* A process dies after any piece, with something unsaved behind what it saved. */
static void test_going_on(const char *whole) {
    for (int stop = 0; stop <= PIECES; stop++) {
        struct feature_writer *w;
        struct feature_progress p, saved;
        char name[64];
        snprintf(name, sizeof name, "going_on_%d.npy", stop);
        const char *path = place(name);
        CHECK_EQUAL(open_writer(&w, path, &p), STATUS_OK);
        for (int i = 0; i < stop; i++) add_piece(w, &p);
        saved = p;
        if (stop != 1) CHECK_EQUAL(feature_writer_save(w, &p, &e), STATUS_OK);
        add_piece(w, &p);
        feature_writer_close(&w);
        CHECK_TRUE(!file_exists(path));
        if (stop == 1) saved = (struct feature_progress){0};
        CHECK_EQUAL(open_writer(&w, path, &p), STATUS_OK);
        CHECK_EQUAL(p.items, saved.items);
        CHECK_EQUAL(p.rows, saved.rows);
        CHECK_TRUE(p.digest == saved.digest);
        while (p.rows < ROWS) add_piece(w, &p);
        CHECK_EQUAL(feature_writer_finish(w, &p, &e), STATUS_OK);
        feature_writer_close(&w);
        CHECK_TRUE(same_files(path, whole));
    }
}

/* A process dies between two of the renames at the end. */
static void test_last_steps(const char *whole) {
    struct feature_writer *w;
    struct feature_progress p;
    const char *path = place("last.npy");
    const char *partial = place("last.npy.partial");
    CHECK_EQUAL(open_writer(&w, path, &p), STATUS_OK);
    for (int i = 0; i < PIECES; i++) add_piece(w, &p);
    /* the folder of keys cannot be renamed to while something is there that is a folder */
    const char *keys = place("last.npy.keys.txt");
    CHECK_EQUAL(file_make_folder(keys, &e), STATUS_OK);
    CHECK_EQUAL(feature_writer_finish(w, &p, &e), STATUS_STORAGE);
    feature_writer_close(&w);
    CHECK_TRUE(!file_exists(path) && file_exists(partial));
    CHECK_EQUAL(file_remove_tree(keys, &e), STATUS_OK);
    CHECK_EQUAL(open_writer(&w, path, &p), STATUS_OK);
    CHECK_EQUAL(p.rows, ROWS);
    CHECK_EQUAL(feature_writer_finish(w, &p, &e), STATUS_OK);
    feature_writer_close(&w);
    CHECK_TRUE(same_files(path, whole) && !file_exists(partial));
    /* All is renamed, and the folder is not removed yet: nothing is made again. */
    CHECK_EQUAL(file_make_folder(partial, &e), STATUS_OK);
    CHECK_EQUAL(open_writer(&w, path, &p), STATUS_END);
    CHECK_EQUAL(p.rows, ROWS);
    CHECK_TRUE(same_files(path, whole) && !file_exists(partial));
}

static void test_others(const char *whole) {
    static const struct feature_fact other[] = {{"model", "a"}, {"input", "c"}};
    struct feature_writer *w;
    struct feature_progress p;
    CHECK_EQUAL(open_writer(&w, whole, &p), STATUS_END);
    CHECK_EQUAL(p.rows, ROWS);
    CHECK_EQUAL(feature_writer_open(&w, whole, WIDTH, other, 2, &p, &e), STATUS_BAD_ARG);
    CHECK_TRUE(strstr(e.text, "input is another; expected b, found c") != NULL);
    CHECK_EQUAL(open_writer(&w, place("a.bin"), &p), STATUS_BAD_ARG);
    const char *path = place("begun.npy");
    CHECK_EQUAL(open_writer(&w, path, &p), STATUS_OK);
    CHECK_EQUAL(feature_writer_save(w, &p, &e), STATUS_OK);
    feature_writer_close(&w);
    CHECK_EQUAL(feature_writer_open(&w, path, WIDTH, other, 2, &p, &e), STATUS_MISMATCH);
    CHECK_TRUE(strstr(e.text, "begun.npy.partial") != NULL);
}

static void test_reading(const char *path, bool with_keys) {
    struct feature_file *f;
    float rows[3 * WIDTH];
    char room[24];
    size_t n;
    int wrong = 0;
    if (!CHECK_EQUAL(feature_file_open(&f, path, &e), STATUS_OK)) return;
    CHECK_EQUAL(feature_file_rows(f), ROWS);
    CHECK_EQUAL(feature_file_width(f), WIDTH);
    CHECK_EQUAL(feature_file_read(f, 6, 3, rows, &e), STATUS_OK);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < WIDTH; k++)
            wrong += i == 1 ? !isnan(rows[i * WIDTH + k]) : rows[i * WIDTH + k] != value(6 + i, k);
    CHECK_EQUAL(wrong, 0);
    const char *key = feature_file_key(f, 19, room, &n);
    CHECK_TRUE(with_keys ? n == 6 && !memcmp(key, "key 19", 6) : n == 2 && !memcmp(key, "19", 2));
    feature_file_close(&f);
}

/* What numpy writes for half and double floats, and what is no feature file. */
static void test_foreign(void) {
    static const struct {
        const char *header;
        size_t data;
        enum status status;
    } cases[] = {
        {"{'descr': '<f2', 'fortran_order': False, 'shape': (2, 3), }", 12, STATUS_OK},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }", 48, STATUS_OK},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3), }", 0, STATUS_OK},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 23, STATUS_BAD_DATA},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", 24, STATUS_BAD_DATA},
        {"{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }", 24, STATUS_BAD_DATA},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }", 24, STATUS_BAD_DATA},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 0), }", 24, STATUS_BAD_DATA},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 3), }", 24,
         STATUS_BAD_DATA},
        {"{'descr': '<f4', 'fortran_order': False}", 24, STATUS_BAD_DATA},
    };
    const char *path = place("foreign.npy");
    struct feature_file *f;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[256] = "\x93NUMPY\1\0";
        const size_t n = strlen(cases[i].header);
        bytes[8] = (uint8_t)n;
        memcpy(bytes + 10, cases[i].header, n);
        memset(bytes + 10 + n, 0, cases[i].data);
        bytes[10 + n + 1] = i == 0 ? 0x3c : 0; /* 1.0 as a half */
        fixture_write(path, bytes, 10 + n + cases[i].data);
        if (!CHECK_EQUAL(feature_file_open(&f, path, &e), cases[i].status)) printf("case %zu\n", i);
        if (i == 0) {
            float row[3];
            CHECK_EQUAL(feature_file_read(f, 0, 1, row, &e), STATUS_OK);
            CHECK_CLOSE(row[0], 1, 0);
        }
        feature_file_close(&f);
    }
    fixture_write(path, "\x93NUMPY\1\0\5", 9);
    CHECK_EQUAL(feature_file_open(&f, path, &e), STATUS_BAD_DATA);
    fixture_write(path, "no features", 11);
    CHECK_EQUAL(feature_file_open(&f, path, &e), STATUS_BAD_DATA);
}

int main(void) {
    folder = fixture_folder();
    const char *npy = place("whole.npy");
    const char *safetensors = place("whole.safetensors");
    write_whole(npy);
    write_whole(safetensors);
    test_bytes(npy, safetensors);
    test_going_on(npy);
    test_last_steps(npy);
    test_others(npy);
    test_reading(npy, true);
    test_reading(safetensors, true);
    const char *keys = place("whole.npy.keys.txt");
    CHECK_EQUAL(file_remove(keys, &e), STATUS_OK);
    test_reading(npy, false);
    char lines[2 * (ROWS + 1)];
    struct feature_file *f;
    for (int i = 0; i < ROWS + 1; i++) memcpy(lines + 2 * i, "a\n", 2);
    static const int n_keys[] = {2, ROWS - 1, ROWS + 1};
    for (int i = 0; i < 3; i++) {
        fixture_write(keys, lines, 2 * (size_t)n_keys[i]);
        CHECK_EQUAL(feature_file_open(&f, npy, &e), STATUS_BAD_DATA);
    }
    test_foreign();
    return check_report();
}
