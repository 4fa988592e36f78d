/* Expected values: LAION CLIP_benchmark, tests/golden/probe_golden.py, and counting by hand. */
#include "pipeline/eval/average_precision.h"
#include "tests/check.h"
#include "tests/golden/probe_features.h"

enum { N = PROBE_N, WIDTH = PROBE_WIDTH, CLASSES = PROBE_CLASSES };

static struct error e;

static void test_golden(void) {
    static float features[N * WIDTH], centers[CLASSES * WIDTH];
    static int32_t labels[N];
    static uint8_t targets[N * CLASSES];
    double mean;
    probe_features(features, labels, centers);
    for (int i = 0; i < N; i++)
        for (int c = 0; c < CLASSES; c++)
            targets[i * CLASSES + c] = c != 1 && i * (2 + c) * (2 + c) % 11 < 3;
    const struct average_precision_set s = {features, centers, targets, N, CLASSES, WIDTH};
    CHECK_EQUAL(average_precision_mean(&mean, &s, &e), STATUS_OK);
    CHECK_CLOSE(mean, 0.224370, 1e-6); /* they add in fp32 */
}

/* Order 0, 1, 2, 3; of the class are the first and the third: (1 / 1 + 2 / 3) / 2. */
static void test_counting(void) {
    const float images[] = {0.9f, 0.5f, 0.5f, 0.1f}, one[] = {1};
    const uint8_t targets[] = {1, 0, 1, 0}, none[] = {0, 0, 0, 0};
    double mean;
    struct average_precision_set s = {images, one, targets, 4, 1, 1};
    CHECK_EQUAL(average_precision_mean(&mean, &s, &e), STATUS_OK);
    CHECK_CLOSE(mean, 5.0 / 6, 1e-12);
    s.targets = none;
    CHECK_EQUAL(average_precision_mean(&mean, &s, &e), STATUS_OK);
    CHECK_CLOSE(mean, 0, 0);
}

int main(void) {
    test_golden();
    test_counting();
    return check_report();
}
