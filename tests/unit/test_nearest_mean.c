/* Expected values: scikit-learn's NearestCentroid, tests/golden/probe_golden.py. */
#include "pipeline/eval/nearest_mean.h"
#include "tests/check.h"
#include "tests/golden/probe_features.h"

#include <string.h>

enum { N = PROBE_N, WIDTH = PROBE_WIDTH, CLASSES = PROBE_CLASSES, ROW = WIDTH + 1 };

static struct error e;
static float features[N * WIDTH], centers[CLASSES * WIDTH];
static int32_t labels[N];

static int best_of(const float *weights, int n_classes, const float *x) {
    int best = 0;
    double highest = -1e30;
    for (int c = 0; c < n_classes; c++) {
        double score = (double)weights[c * ROW + WIDTH];
        for (int k = 0; k < WIDTH; k++) score += (double)weights[c * ROW + k] * x[k];
        if (score > highest) {
            highest = score;
            best = c;
        }
    }
    return best;
}

int main(void) {
    float weights[(CLASSES + 1) * ROW], swapped[(CLASSES + 1) * ROW];
    int right = 0;
    probe_features(features, labels, centers);
    CHECK_EQUAL(nearest_mean_fit(weights, features, labels, N, WIDTH, CLASSES + 1, &e), STATUS_OK);
    for (int i = 0; i < N; i++)
        right += best_of(weights, CLASSES + 1, features + i * WIDTH) == labels[i];
    CHECK_EQUAL(right, 128);
    CHECK_CLOSE(weights[2 * ROW + 3], 0.219387032, 1e-7);
    /* the order of the samples changes nothing but rounding; what has no label takes no part */
    for (int i = 0; i < N / 2; i++) {
        float row[WIDTH];
        const int32_t label = labels[i];
        memcpy(row, features + i * WIDTH, sizeof row);
        memcpy(features + i * WIDTH, features + (N - 1 - i) * WIDTH, sizeof row);
        memcpy(features + (N - 1 - i) * WIDTH, row, sizeof row);
        labels[i] = labels[N - 1 - i];
        labels[N - 1 - i] = label;
    }
    CHECK_EQUAL(nearest_mean_fit(swapped, features, labels, N, WIDTH, CLASSES + 1, &e), STATUS_OK);
    for (int i = 0; i < (CLASSES + 1) * ROW; i++) CHECK_CLOSE(swapped[i], weights[i], 1e-7);
    /* a class of one sample is that sample */
    for (int i = 0; i < N; i++) labels[i] = i == 17 ? 0 : -1;
    CHECK_EQUAL(nearest_mean_fit(weights, features, labels, N, WIDTH, 2, &e), STATUS_OK);
    CHECK_TRUE(!memcmp(weights, features + 17 * WIDTH, WIDTH * sizeof *weights));
    CHECK_CLOSE(weights[WIDTH], -0.5, 1e-6);
    CHECK_EQUAL(best_of(weights, 2, features), 0); /* nobody is of the class without samples */
    return check_report();
}
