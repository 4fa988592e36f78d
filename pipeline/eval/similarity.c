#include "pipeline/eval/similarity.h"

#include <math.h>

/* Sixteen sums side by side: a single sum would wait for each addition. */
float similarity(const float *a, const float *b, int64_t width) {
    enum { LANES = 16 };
    float lane[LANES] = {0}, total = 0;
    int64_t i = 0;
    for (; i + LANES <= width; i += LANES)
        for (int k = 0; k < LANES; k++) lane[k] += a[i + k] * b[i + k];
    for (int k = 0; i < width; i++, k++) lane[k] += a[i] * b[i];
    for (int k = 0; k < LANES; k++) total += lane[k];
    return total;
}

void similarity_normalize(float *rows, int64_t n, int64_t width) {
    for (int64_t r = 0; r < n; r++) {
        float *row = rows + r * width;
        double squares = 0;
        for (int64_t i = 0; i < width; i++) squares += (double)row[i] * row[i];
        const double length = sqrt(squares);
        for (int64_t i = 0; i < width && length > 0; i++) row[i] = (float)(row[i] / length);
    }
}
