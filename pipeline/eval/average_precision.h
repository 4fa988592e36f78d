/* average_precision: of pictures that may belong to several classes.
 *
 * For each class all pictures are put in the order of falling score; its average precision is the
 * sum, over the pictures that belong to it, of the share of those that belong to it up to and with
 * that picture, divided by their number. 0 for a class without pictures. Pictures that score the
 * same keep their order.
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

/* The mean over all classes. Rows of images need length 1: pictures are compared with each other. */
enum status average_precision_mean(double *out, const struct average_precision_set *s,
                                   struct error *e);

#endif
