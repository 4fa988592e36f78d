/* retrieval: recall of images by texts and of texts by images.
 *
 * An image may have several texts, a text belongs to one image. A hit counts when at least one
 * right item is among the first k. As in CLIP_benchmark, right is what the data set pairs: a
 * caption that reads the same but belongs to another image is not right. Of items that score the
 * same, the first one of the set ranks first, as in the stable sort of open_clip: features that are
 * all alike score what chance gives. The same caption should be encoded once, so that its copies
 * have the same feature.
 * Source: LAION CLIP_benchmark, metrics/zeroshot_retrieval.py; open_clip, get_clip_metrics. */
#ifndef PIPELINE_EVAL_RETRIEVAL_H
#define PIPELINE_EVAL_RETRIEVAL_H

#include "pipeline/base/status.h"

#include <stdint.h>

struct retrieval_set {
    const float *images; /* (n_images, width), rows of length 1 */
    const float *texts;  /* (n_texts, width), rows of length 1 */
    /* (n_texts) the row of the text's image; -1: of none, the text is only in the way of others */
    const int32_t *image_of_text;
    int64_t n_images, n_texts, width;
};

struct retrieval_recall {
    int64_t n_queries;        /* images without text and texts without image do not ask */
    double at_1, at_5, at_10; /* 0 to 1; 0 without queries */
    /* Of the best right item, from 1; the median of an even number is rounded down. Source:
     * open_clip. */
    double mean_rank, median_rank;
};

struct retrieval_result {
    struct retrieval_recall image; /* text asks for its image: image_retrieval_recall@k */
    struct retrieval_recall text;  /* image asks for its texts: text_retrieval_recall@k */
};

/* Errors: BAD_ARG for an image_of_text out of range; NO_MEMORY. NaN counts as a miss. */
enum status retrieval_measure(struct retrieval_result *out, const struct retrieval_set *set,
                              struct error *e);

#endif
