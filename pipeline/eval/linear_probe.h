/* linear_probe: multinomial logistic regression on fixed features.
 *
 * Weights W (K, D) and biases b (K) minimise
 *     mean over i of -log softmax(W x_i + b)[y_i]  +  l2 / (2 n) |W|^2
 * by L-BFGS from zero. This is the loss of scikit-learn's LogisticRegression(C = 1 / l2), divided
 * by n. Rows are summed in fixed groups, so the result does not depend on the number of threads.
 *
 * linear_probe_seek finds l2 like CLIP did. One of every five samples is held out. The best of
 * 1e-6, 1e-4 ... 1e6 by accuracy on those is taken, and the interval around it is halved until
 * there are eight steps per decade; of equal ones the stronger wins. Then all samples are fitted.
 * Source: Radford et al. 2021, appendix A.3; Liu and Nocedal 1989. */
#ifndef PIPELINE_EVAL_LINEAR_PROBE_H
#define PIPELINE_EVAL_LINEAR_PROBE_H

#include <stdint.h>

#include "pipeline/base/status.h"

struct linear_probe_set {
    const float *features; /* (n, width) */
    const int32_t *labels; /* (n) 0 to n_classes - 1; -1: leave the sample out */
    int64_t n, width, n_classes;
};

/* weights (n_classes, width + 1) out; the last column is the bias. n_threads 0: all processors.
 * BAD_DATA without a sample; NO_MEMORY; STOPPED. */
enum status linear_probe_fit(float *weights, const struct linear_probe_set *s, double l2,
                             int n_threads, struct error *e);
/* The same with the best l2. */
enum status linear_probe_seek(float *weights, double *l2, const struct linear_probe_set *s,
                              int n_threads, struct error *e);

#endif
