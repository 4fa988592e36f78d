/* zero_shot: classification of images by the texts of class names.
 *
 * For each class, the features of its name in every template are normalised, averaged and
 * normalised again; an image belongs to the class with the highest score.
 * Source: Radford et al. 2021, section 3.1; open_clip zero_shot_classifier.py; CLIP_benchmark
 * metrics/zeroshot_classification.py. */
#ifndef PIPELINE_EVAL_ZERO_SHOT_H
#define PIPELINE_EVAL_ZERO_SHOT_H

#include "pipeline/base/text.h"

#include <stdint.h>

/* classifier (n_classes, width) out, rows of length 1.
 * features (n_classes, n_templates, width) in: the text features, class by class; they are
 * normalised in place. */
void zero_shot_classifier(float *classifier, float *features, int64_t n_classes,
                          int64_t n_templates, int64_t width);

struct zero_shot_set {
    const float *images;     /* (n_images, width) of any length */
    const float *classifier; /* (n_classes, width) */
    const int32_t *labels;   /* (n_images) 0 to n_classes - 1; -1: leave the image out */
    int64_t n_images, n_classes, width;
};

struct zero_shot_result {
    int64_t n_images;             /* that counted */
    double acc1, acc5;            /* 0 to 1; 0 without images; acc5 is 1 with at most 5 classes */
    double mean_per_class_recall; /* over the classes that occur among the labels */
};

/* Of classes with equal scores the first ranks first, as in argmax; NaN counts as a miss. Errors:
 * BAD_ARG for a label out of range; NO_MEMORY. */
enum status zero_shot_measure(struct zero_shot_result *out, const struct zero_shot_set *set,
                              struct error *e);

#endif
