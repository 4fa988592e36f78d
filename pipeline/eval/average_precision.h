/* average_precision: mean average precision for pictures that may belong to several classes.
 *
 * For each class, sort all pictures by falling score. Its average precision is the mean, over the
 * pictures of the class, of the precision at that picture: the share of pictures of the class among
 * all up to it. 0 for a class without pictures. Pictures with equal scores keep their order.
 * Source: LAION CLIP_benchmark, metrics/zeroshot_classification.py, average_precision_per_class. */
#ifndef PIPELINE_EVAL_AVERAGE_PRECISION_H
#define PIPELINE_EVAL_AVERAGE_PRECISION_H

#include <stdint.h>

#include "pipeline/base/status.h"

struct average_precision_set {
    const float *images;     /* (n_images, width) */
    const float *classifier; /* (n_classes, width) */
    const uint8_t *targets;  /* (n_images, n_classes) 1: belongs to it */
    int64_t n_images, n_classes, width;
};

/* The mean over all classes. Rows of images must have length 1, because pictures are compared with
 * each other. */
enum status average_precision_mean(double *out, const struct average_precision_set *s,
                                   struct error *e);

#endif
