#include "pipeline/eval/nearest_mean.h"

#include <stdlib.h>

/* Lower than any score: mu x - |mu|^2 / 2 is at least -1.5 for x and mu within the unit ball. */
static const float never = -1e6f;

enum status nearest_mean_fit(float *weights, const float *features, const int32_t *labels,
                             int64_t n, int64_t width, int64_t n_classes, struct error *e) {
    double *sum = calloc((size_t)(n_classes * width) + 1, sizeof *sum);
    int64_t *count = calloc((size_t)n_classes + 1, sizeof *count);
    if (!sum || !count) {
        free(sum);
        free(count);
        return fail(e, STATUS_NO_MEMORY, "no memory for the means of %lld classes",
                    (long long)n_classes);
    }
    for (int64_t i = 0; i < n; i++) {
        if (labels[i] < 0) continue;
        CHECK(labels[i] < n_classes);
        count[labels[i]]++;
        for (int64_t k = 0; k < width; k++)
            sum[labels[i] * width + k] += (double)features[i * width + k];
    }
    for (int64_t c = 0; c < n_classes; c++) {
        float *row = weights + c * (width + 1);
        double squares = 0;
        for (int64_t k = 0; k < width; k++) {
            const double mean = count[c] ? sum[c * width + k] / (double)count[c] : 0;
            row[k] = (float)mean;
            squares += mean * mean;
        }
        row[width] = count[c] ? (float)(-squares / 2) : never;
    }
    free(sum);
    free(count);
    return STATUS_OK;
}
