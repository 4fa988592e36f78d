#include "pipeline/eval/retrieval.h"
#include "pipeline/eval/similarity.h"
#include "tests/check.h"

#include <math.h>
#include <stdlib.h>

enum { WIDTH = 6 };

/* The formula of tests/golden/eval_golden.py. */
static void features(float *x, int n, double k) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < WIDTH; j++)
            x[i * WIDTH + j] =
                (float)sin(0.7 * i * i + 1.3 * j * (1 + 0.01 * i) + 0.1 * k * (1 + j));
    similarity_normalize(x, n, WIDTH);
}

/* Expected values: CLIP_benchmark's computation, tests/golden/eval_golden.py. */
static void test_golden(void) {
    static float images[40 * WIDTH], texts[80 * WIDTH];
    static int32_t image_of_text[80];
    struct retrieval_result r;
    features(images, 40, 0);
    features(texts, 80, 1);
    for (int j = 0; j < 80; j++) {
        image_of_text[j] = j / 2;
        for (int i = 0; i < WIDTH && j % 2 == 0; i++)
            texts[j * WIDTH + i] = texts[j * WIDTH + i] * 0.6f + images[j / 2 * WIDTH + i];
    }
    /* one of the two captions is near its image */
    for (int j = 0; j < 80; j += 2) similarity_normalize(texts + j * WIDTH, 1, WIDTH);
    const struct retrieval_set s = {images, texts, image_of_text, 40, 80, WIDTH};
    CHECK_EQUAL(retrieval_measure(&r, &s, NULL), STATUS_OK);
    CHECK_EQUAL(r.image.n_queries, 80);
    CHECK_EQUAL(r.text.n_queries, 40);
    CHECK_CLOSE(r.image.at_1, 0.125, 1e-9);
    CHECK_CLOSE(r.image.at_5, 0.45, 1e-9);
    CHECK_CLOSE(r.image.at_10, 0.6875, 1e-9);
    CHECK_CLOSE(r.text.at_1, 0.1, 1e-9);
    CHECK_CLOSE(r.text.at_5, 0.5, 1e-9);
    CHECK_CLOSE(r.text.at_10, 0.775, 1e-9);
    CHECK_CLOSE(r.image.mean_rank, 12.15, 1e-9);
    CHECK_CLOSE(r.image.median_rank, 7, 0);
    CHECK_CLOSE(r.text.mean_rank, 6.775, 1e-9);
    CHECK_CLOSE(r.text.median_rank, 5, 0);
}

/* Three images along the axes. Ranks are counted by hand. */
static void test_hits(void) {
    const float images[] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    /* image 0: a bad and a good caption; image 1: good; the last text belongs to no image */
    const float texts[] = {0, 0.6f, 0.8f, 0.8f, 0.6f, 0, 0, 1, 0, 0, 0.1f, 0.9f};
    const int32_t image_of_text[] = {0, 0, 1, -1};
    const struct retrieval_set s = {images, texts, image_of_text, 3, 4, 3};
    struct retrieval_result r;
    CHECK_EQUAL(retrieval_measure(&r, &s, NULL), STATUS_OK);
    CHECK_EQUAL(r.text.n_queries, 2); /* image 2 has no caption */
    CHECK_EQUAL(r.image.n_queries, 3);
    CHECK_CLOSE(r.text.at_1, 1.0, 0);
    CHECK_CLOSE(r.image.at_1, 2.0 / 3, 1e-12); /* the bad caption finds image 2 first */
    CHECK_CLOSE(r.image.at_5, 1.0, 0);
}

/* The same caption at two images: right is only the own one, and the first of the two ranks first. */
static void test_ties(void) {
    const float images[] = {1, 0, 0.8f, 0.6f}, texts[] = {1, 0, 1, 0};
    const int32_t image_of_text[] = {0, 1};
    const struct retrieval_set s = {images, texts, image_of_text, 2, 2, 2};
    struct retrieval_result r;
    CHECK_EQUAL(retrieval_measure(&r, &s, NULL), STATUS_OK);
    CHECK_CLOSE(r.text.at_1, 0.5, 0);
    CHECK_CLOSE(r.image.at_1, 0.5, 0); /* both texts find image 0 */
    CHECK_CLOSE(r.text.at_5, 1, 0);
    CHECK_CLOSE(r.text.mean_rank, 1.5, 0);
    CHECK_CLOSE(r.text.median_rank, 1, 0);

    /* a copy behind the right text is not in its way, one before it is */
    const int32_t behind[] = {0, -1}, before[] = {-1, 0};
    const struct retrieval_set first = {images, texts, behind, 1, 2, 2};
    CHECK_EQUAL(retrieval_measure(&r, &first, NULL), STATUS_OK);
    CHECK_CLOSE(r.text.at_1, 1, 0);
    const struct retrieval_set second = {images, texts, before, 1, 2, 2};
    CHECK_EQUAL(retrieval_measure(&r, &second, NULL), STATUS_OK);
    CHECK_CLOSE(r.text.at_1, 0, 0);

    /* a model that says the same about everything earns what chance gives */
    static float same[12 * 2];
    static int32_t pairs[12];
    for (int i = 0; i < 12; i++) {
        same[2 * i] = 1;
        pairs[i] = i;
    }
    const struct retrieval_set all = {same, same, pairs, 12, 12, 2};
    CHECK_EQUAL(retrieval_measure(&r, &all, NULL), STATUS_OK);
    CHECK_CLOSE(r.image.at_5, 5.0 / 12, 1e-12);
    CHECK_CLOSE(r.text.at_10, 10.0 / 12, 1e-12);
    CHECK_CLOSE(r.text.mean_rank, 6.5, 1e-12);
    CHECK_CLOSE(r.text.median_rank, 6, 0); /* numpy's floor of 5.5, from 1 */
    /* and in the other order of the texts the same image by image */
    for (int i = 0; i < 12; i++) pairs[i] = 11 - i;
    CHECK_EQUAL(retrieval_measure(&r, &all, NULL), STATUS_OK);
    CHECK_CLOSE(r.image.at_1, 1.0 / 12, 1e-12);
}

static void test_bad_input(void) {
    const float one[] = {1, 0}, bad[] = {NAN, 0};
    const int32_t pair[] = {0}, beyond[] = {1};
    struct retrieval_result r;
    struct error e;
    const struct retrieval_set not_finite = {one, bad, pair, 1, 1, 2};
    CHECK_EQUAL(retrieval_measure(&r, &not_finite, NULL), STATUS_OK);
    CHECK_CLOSE(r.image.at_10, 0, 0);
    CHECK_CLOSE(r.text.at_10, 0, 0);
    const struct retrieval_set out_of_range = {one, one, beyond, 1, 1, 2};
    CHECK_EQUAL(retrieval_measure(&r, &out_of_range, &e), STATUS_BAD_ARG);
    const struct retrieval_set empty = {one, one, pair, 1, 0, 2};
    CHECK_EQUAL(retrieval_measure(&r, &empty, NULL), STATUS_OK);
    CHECK_CLOSE(r.text.at_1, 0, 0);
}

/* Equal rows score equally wherever they stand, and widths that no lane divides are complete. */
static void test_similarity(void) {
    float a[37], b[37];
    for (int n = 1; n <= 37; n++) {
        double expected = 0;
        for (int i = 0; i < n; i++) {
            a[i] = (float)sin(i + 1);
            b[i] = (float)cos(3 * i);
            expected += (double)a[i] * b[i];
        }
        CHECK_CLOSE(similarity(a, b, n), expected, 1e-6); /* at most 37 terms up to 1 */
    }
    float zero[2] = {0, 0};
    similarity_normalize(zero, 1, 2);
    CHECK_CLOSE(zero[0], 0, 0);
}

int main(void) {
    test_golden();
    test_hits();
    test_ties();
    test_bad_input();
    test_similarity();
    return check_report();
}
