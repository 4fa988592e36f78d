/* Expected values: scikit-learn's LogisticRegression, tests/golden/probe_golden.py. */
#include "pipeline/eval/linear_probe.h"
#include "tests/check.h"
#include "tests/golden/probe_features.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = PROBE_N, WIDTH = PROBE_WIDTH, CLASSES = PROBE_CLASSES, ROW = WIDTH + 1 };

static struct error e;
static float features[N * WIDTH], centers[CLASSES * WIDTH];
static int32_t labels[N];

/* Loss without what l2 adds, that, and how many samples are classified well. */
static void score(const float *weights, double *loss, double *squares, int *right) {
    *loss = *squares = 0;
    *right = 0;
    for (int i = 0; i < N; i++) {
        double logit[CLASSES], sum = 0;
        int best = 0;
        for (int c = 0; c < CLASSES; c++) {
            logit[c] = (double)weights[c * ROW + WIDTH];
            for (int k = 0; k < WIDTH; k++)
                logit[c] += (double)weights[c * ROW + k] * features[i * WIDTH + k];
            sum += exp(logit[c]);
            if (logit[c] > logit[best]) best = c;
        }
        *loss += (log(sum) - logit[labels[i]]) / N;
        *right += best == labels[i];
    }
    for (int c = 0; c < CLASSES; c++)
        for (int k = 0; k < WIDTH; k++)
            *squares += (double)weights[c * ROW + k] * weights[c * ROW + k];
}

/* Tolerances: the search ends where a step lowers the loss by less than the rounding of fp32 logits
 * hides: half a unit, 5e-7, for logits of 8 and more, as an l2 of 0.01 makes them; far less for the
 * others. That rounding is another with each set of BLAS kernels: they end up to 3.4e-7 above the
 * minimum. The loss is flat there, so the weights are less near: 3.4e-3 of the weight. */
static void test_golden(const struct linear_probe_set *s) {
    static const struct {
        double l2, loss, weight, bias, accuracy, loss_near, weight_near;
    } cases[] = {
        {1, 1.081946970, 1.503214, -0.122270, 0.694581281, 1e-8, 5e-4},
        {0.01, 0.870725390, 7.020793, -0.072050, 0.694581281, 1e-6, 1e-2},
        {100, 1.566851274, 0.091605, -0.035862, 0.576354680, 1e-8, 5e-4},
    };
    float weights[CLASSES * ROW];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double loss, squares, mean = 0;
        int right;
        CHECK_EQUAL(linear_probe_fit(weights, s, cases[i].l2, 2, &e), STATUS_OK);
        score(weights, &loss, &squares, &right);
        CHECK_CLOSE(loss + cases[i].l2 / (2 * N) * squares, cases[i].loss, cases[i].loss_near);
        CHECK_CLOSE(weights[4 * ROW + 2], cases[i].weight, cases[i].weight_near * cases[i].weight);
        for (int c = 0; c < CLASSES; c++) mean += (double)weights[c * ROW + WIDTH] / CLASSES;
        CHECK_CLOSE((double)weights[3 * ROW + WIDTH] - mean, cases[i].bias, 1e-3);
        CHECK_CLOSE((double)right / N, cases[i].accuracy, 1e-9);
    }
}

static void test_seek(const struct linear_probe_set *s) {
    float weights[CLASSES * ROW], again[CLASSES * ROW];
    double l2, loss, squares;
    int right;
    CHECK_EQUAL(linear_probe_seek(weights, &l2, s, 1, &e), STATUS_OK);
    CHECK_CLOSE(l2, 0.421696503, 1e-8);
    score(weights, &loss, &squares, &right);
    CHECK_CLOSE((double)right / N, 0.699507389, 1e-9);
    CHECK_EQUAL(linear_probe_seek(again, &l2, s, 3, &e), STATUS_OK);
    CHECK_TRUE(!memcmp(weights, again, sizeof weights));
}

/* Samples without a label change nothing; a class that nobody has is never found. */
static void test_labels(const struct linear_probe_set *s) {
    float weights[(CLASSES + 1) * ROW], expected[CLASSES * ROW];
    float *more = malloc((N + 3) * WIDTH * sizeof *more);
    int32_t more_labels[N + 3];
    double loss, squares;
    int right, expected_right;
    CHECK_EQUAL(linear_probe_fit(expected, s, 1, 1, &e), STATUS_OK);
    memcpy(more + 3 * WIDTH, features, sizeof features);
    memcpy(more_labels + 3, labels, sizeof labels);
    for (int i = 0; i < 3; i++) {
        more_labels[i] = -1;
        for (int k = 0; k < WIDTH; k++) more[i * WIDTH + k] = NAN;
    }
    struct linear_probe_set set = {more, more_labels, N + 3, WIDTH, CLASSES};
    CHECK_EQUAL(linear_probe_fit(weights, &set, 1, 1, &e), STATUS_OK);
    CHECK_TRUE(!memcmp(weights, expected, sizeof expected));
    set.n_classes++;
    CHECK_EQUAL(linear_probe_fit(weights, &set, 1, 1, &e), STATUS_OK);
    score(expected, &loss, &squares, &expected_right);
    score(weights, &loss, &squares, &right);
    CHECK_EQUAL(right, expected_right);
    CHECK_TRUE(weights[CLASSES * ROW + WIDTH] < weights[WIDTH] - 3);
    set.n = 3;
    CHECK_EQUAL(linear_probe_fit(weights, &set, 1, 1, &e), STATUS_BAD_DATA);
    free(more);
}

int main(void) {
    probe_features(features, labels, centers);
    const struct linear_probe_set s = {features, labels, N, WIDTH, CLASSES};
    test_golden(&s);
    test_seek(&s);
    test_labels(&s);
    return check_report();
}
