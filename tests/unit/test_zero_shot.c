#include "pipeline/eval/similarity.h"
#include "pipeline/eval/zero_shot.h"
#include "tests/check.h"

#include <math.h>

enum { WIDTH = 6, CLASSES = 7, TEMPLATES = 3, IMAGES = 40 };

static void features(float *x, int n, double k) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < WIDTH; j++)
            x[i * WIDTH + j] =
                (float)sin(0.7 * i * i + 1.3 * j * (1 + 0.01 * i) + 0.1 * k * (1 + j));
    similarity_normalize(x, n, WIDTH);
}

/* Expected values: CLIP_benchmark's computation, tests/golden/eval_golden.py. */
static void test_golden(void) {
    static float images[IMAGES * WIDTH], prompts[CLASSES * TEMPLATES * WIDTH];
    float classifier[CLASSES * WIDTH];
    int32_t labels[IMAGES];
    struct zero_shot_result r;
    features(images, IMAGES, 0);
    features(prompts, CLASSES * TEMPLATES, 2);
    for (int i = 0; i < CLASSES * TEMPLATES; i++) /* undone by the first normalisation */
        for (int j = 0; j < WIDTH; j++) prompts[i * WIDTH + j] *= (float)(1 + i);
    zero_shot_classifier(classifier, prompts, CLASSES, TEMPLATES, WIDTH);
    CHECK_CLOSE(classifier[6 * WIDTH + 5], -0.418523424, 1e-6);
    for (int i = 0; i < IMAGES; i++) {
        labels[i] = i * i % CLASSES;
        for (int j = 0; j < WIDTH; j++)
            images[i * WIDTH + j] += 0.8f * classifier[labels[i] * WIDTH + j];
    }
    const struct zero_shot_set s = {images, classifier, labels, IMAGES, CLASSES, WIDTH};
    CHECK_EQUAL(zero_shot_measure(&r, &s, NULL), STATUS_OK);
    CHECK_EQUAL(r.n_images, IMAGES);
    CHECK_CLOSE(r.acc1, 0.325, 1e-9);
    CHECK_CLOSE(r.acc5, 0.875, 1e-9);
    CHECK_CLOSE(r.mean_per_class_recall, 0.308712121, 1e-8); /* nine printed digits */
}

static void test_counting(void) {
    const float classifier[] = {1, 0, 0, 1, 0, 1}; /* classes 1 and 2 cannot be told apart */
    const float images[] = {2, 0, 3, 1, 0, 1, 1, 0, NAN, 0, 5, 1};
    const int32_t labels[] = {0, 0, 1, 1, 0, -1};
    const struct zero_shot_set s = {images, classifier, labels, 6, 3, 2};
    struct zero_shot_result r;
    CHECK_EQUAL(zero_shot_measure(&r, &s, NULL), STATUS_OK);
    CHECK_EQUAL(r.n_images, 5);
    CHECK_CLOSE(r.acc1, 3.0 / 5, 1e-12); /* the NaN is a miss, and a tie goes to class 1 */
    CHECK_CLOSE(r.acc5, 4.0 / 5, 1e-12);
    CHECK_CLOSE(r.mean_per_class_recall, (2.0 / 3 + 1.0 / 2) / 2, 1e-12);

    const int32_t beyond[] = {3};
    struct error e;
    const struct zero_shot_set bad = {images, classifier, beyond, 1, 3, 2};
    CHECK_EQUAL(zero_shot_measure(&r, &bad, &e), STATUS_BAD_ARG);
    const struct zero_shot_set empty = {images, classifier, labels, 0, 3, 2};
    CHECK_EQUAL(zero_shot_measure(&r, &empty, NULL), STATUS_OK);
    CHECK_CLOSE(r.acc1, 0, 0);
}

int main(void) {
    test_golden();
    test_counting();
    return check_report();
}
