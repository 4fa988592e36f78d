/* nearest_mean: the class whose mean feature is nearest.
 *
 * mu_c is the mean of the features of class c, not scaled to length 1. The class of the nearest
 * mean (Euclidean) is the one with the highest mu_c x - |mu_c|^2 / 2, so the result is a linear
 * classifier. Source: Rebuffi et al. 2017 (iCaRL), for features of a frozen model. */
#ifndef PIPELINE_EVAL_NEAREST_MEAN_H
#define PIPELINE_EVAL_NEAREST_MEAN_H

#include <stdint.h>

#include "pipeline/base/status.h"

/* weights (n_classes, width + 1) out: mu_c, then -|mu_c|^2 / 2; a class without samples never
 * scores highest. features (n, width) of length 1; labels (n), -1: leave the sample out.
 * NO_MEMORY. */
enum status nearest_mean_fit(float *weights, const float *features, const int32_t *labels,
                             int64_t n, int64_t width, int64_t n_classes, struct error *e);

#endif
