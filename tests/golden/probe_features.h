/* probe_features: the features and labels of tests/golden/probe_golden.py. */
#ifndef TESTS_GOLDEN_PROBE_FEATURES_H
#define TESTS_GOLDEN_PROBE_FEATURES_H

#include <math.h>
#include <stdint.h>

enum { PROBE_N = 203, PROBE_WIDTH = 8, PROBE_CLASSES = 5 };

static inline void probe_row(double *x, int i, double k) {
    double squares = 0;
    for (int j = 0; j < PROBE_WIDTH; j++) {
        x[j] = sin(0.7 * i * i + 1.3 * j * (1 + 0.01 * i) + 0.1 * k * (1 + j));
        squares += x[j] * x[j];
    }
    for (int j = 0; j < PROBE_WIDTH; j++) x[j] /= sqrt(squares);
}

/* features (PROBE_N, PROBE_WIDTH), labels (PROBE_N), centers (PROBE_CLASSES, PROBE_WIDTH) */
static inline void probe_features(float *features, int32_t *labels, float *centers) {
    for (int c = 0; c < PROBE_CLASSES; c++) {
        double center[PROBE_WIDTH];
        probe_row(center, c, 3);
        for (int j = 0; j < PROBE_WIDTH; j++) centers[c * PROBE_WIDTH + j] = (float)center[j];
    }
    for (int i = 0; i < PROBE_N; i++) {
        double row[PROBE_WIDTH], center[PROBE_WIDTH], squares = 0;
        labels[i] = (3 * i + i / 7) % PROBE_CLASSES;
        probe_row(row, i, 0);
        probe_row(center, labels[i], 3);
        for (int j = 0; j < PROBE_WIDTH; j++) {
            row[j] += 0.7 * center[j];
            squares += row[j] * row[j];
        }
        for (int j = 0; j < PROBE_WIDTH; j++)
            features[i * PROBE_WIDTH + j] = (float)(row[j] / sqrt(squares));
    }
}

#endif
