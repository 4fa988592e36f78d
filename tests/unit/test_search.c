/* Search in a feature file against plain loops in double. */
#include "pipeline/eval/similarity.h"
#include "pipeline/features/search.h"
#include "tests/check.h"
#include "tests/fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 3000, WIDTH = 20, QUERIES = 5, TOP = 7 };

static struct error e;
static float rows[ROWS * WIDTH], queries[QUERIES * WIDTH];

static double cosine(const float *q, const float *r) {
    double dot = 0, squares = 0;
    for (int k = 0; k < WIDTH; k++) {
        dot += (double)q[k] * r[k];
        squares += (double)r[k] * r[k];
    }
    return dot / sqrt(squares);
}

/* Rows of any length, some equal, some not finite, over three blocks. */
static void make_rows(void) {
    for (int i = 0; i < ROWS; i++)
        for (int k = 0; k < WIDTH; k++)
            rows[i * WIDTH + k] = (float)sin(1.7 * i + 0.9 * i * k + k) * (float)(1 + i % 7);
    memcpy(rows + 2900 * WIDTH, rows + 17 * WIDTH, WIDTH * sizeof *rows);
    memcpy(rows + 1500 * WIDTH, rows + 17 * WIDTH, WIDTH * sizeof *rows);
    for (int k = 0; k < WIDTH; k++) rows[100 * WIDTH + k] = (float)NAN;
    for (int q = 0; q < QUERIES; q++)
        for (int k = 0; k < WIDTH; k++)
            queries[q * WIDTH + k] =
                q == 0 ? rows[17 * WIDTH + k] : (float)cos(0.3 * q * k * k + q);
    similarity_normalize(queries, QUERIES, WIDTH);
}

static void write_rows(const char *path) {
    struct feature_writer *w;
    struct feature_progress p;
    struct text keys = {0};
    for (int i = 0; i < ROWS; i++) text_printf(&keys, "%d\n", i);
    CHECK_EQUAL(feature_writer_open(&w, path, WIDTH, NULL, 0, &p, &e), STATUS_OK);
    CHECK_EQUAL(feature_writer_add(w, rows, ROWS, &keys, &e), STATUS_OK);
    p.rows = ROWS;
    CHECK_EQUAL(feature_writer_finish(w, &p, &e), STATUS_OK);
    feature_writer_close(&w);
    text_release(&keys);
}

/* Each hit has its score, and no row outside the hits has more than the last of them. */
static void check_hits(const struct search_hit *hits, int k) {
    for (int q = 0; q < QUERIES; q++) {
        const struct search_hit *h = hits + q * k;
        int wrong = 0, better = 0;
        for (int i = 0; i < k; i++) {
            wrong += h[i].row < 0 || h[i].row >= ROWS;
            if (wrong) break;
            wrong += !(fabs(cosine(queries + q * WIDTH, rows + h[i].row * WIDTH) -
                            (double)h[i].score) <= 1e-6);
            wrong += i > 0 && (h[i].score > h[i - 1].score ||
                               (h[i].score == h[i - 1].score && h[i].row <= h[i - 1].row));
        }
        CHECK_EQUAL(wrong, 0);
        for (int r = 0; r < ROWS; r++)
            better += cosine(queries + q * WIDTH, rows + r * WIDTH) > (double)h[k - 1].score + 1e-6;
        CHECK_TRUE(better <= k - 1);
    }
}

int main(void) {
    const char *path = fixture_path(fixture_folder(), "rows.npy");
    struct feature_file *f;
    struct search_hit hits[QUERIES * TOP], again[QUERIES * TOP];
    static struct search_hit all[QUERIES * (ROWS + 2)];
    make_rows();
    write_rows(path);
    if (!CHECK_EQUAL(feature_file_open(&f, path, &e), STATUS_OK)) return check_report();
    CHECK_EQUAL(search_features(hits, f, queries, QUERIES, TOP, 1, &e), STATUS_OK);
    check_hits(hits, TOP);
    /* equal rows by their number */
    CHECK_EQUAL(hits[0].row, 17);
    CHECK_EQUAL(hits[1].row, 1500);
    CHECK_EQUAL(hits[2].row, 2900);
    /* many times: which thread takes which block is chance */
    for (int i = 0; i < 150; i++) {
        memset(again, 0xff, sizeof again);
        CHECK_EQUAL(search_features(again, f, queries, QUERIES, TOP, 2 + i % 3, &e), STATUS_OK);
        int n_wrong = 0;
        for (int k = 0; k < QUERIES * TOP; k++)
            n_wrong += again[k].row != hits[k].row || again[k].score != hits[k].score;
        if (!CHECK_EQUAL(n_wrong, 0)) break;
    }
    /* more than there are: all but the row that is not finite */
    CHECK_EQUAL(search_features(all, f, queries, QUERIES, ROWS + 2, 2, &e), STATUS_OK);
    CHECK_TRUE(all[ROWS - 2].row >= 0);
    CHECK_EQUAL(all[ROWS - 1].row, -1);
    feature_file_close(&f);
    return check_report();
}
