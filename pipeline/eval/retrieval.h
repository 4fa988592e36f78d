/* retrieval: recall of images by texts and of texts by images.
 *
 * An image may have several texts; a text belongs to one image. A query is a hit if at least one
 * right item is among the first k. As in CLIP_benchmark, only the data set's own pairs are right,
 * not an equal caption of another image. Of items with equal scores the first in the set ranks
 * first, as in open_clip's stable sort, so a model whose features are all equal scores at chance.
 * Encode equal captions once, so that they have the same feature.
 * Source: LAION CLIP_benchmark, metrics/zeroshot_retrieval.py; open_clip, get_clip_metrics. */
#ifndef PIPELINE_EVAL_RETRIEVAL_H
#define PIPELINE_EVAL_RETRIEVAL_H

#include "pipeline/base/status.h"

#include <stdint.h>

struct retrieval_set {
    const float *images; /* (n_images, width), rows of length 1 */
    const float *texts;  /* (n_texts, width), rows of length 1 */
    /* (n_texts) the row of the text's image; -1: none, the text only competes with others */
    const int32_t *image_of_text;
    int64_t n_images, n_texts, width;
};

struct retrieval_recall {
    int64_t n_queries;        /* images without text and texts without image are not queries */
    double at_1, at_5, at_10; /* 0 to 1; 0 without queries */
    /* Rank of the best right item, from 1. The median of an even number is rounded down, as in
     * open_clip. */
    double mean_rank, median_rank;
};

struct retrieval_result {
    struct retrieval_recall image; /* images found for a text: image_retrieval_recall@k */
    struct retrieval_recall text;  /* texts found for an image: text_retrieval_recall@k */
};

/* Errors: BAD_ARG for an image_of_text out of range; NO_MEMORY. NaN counts as a miss. */
enum status retrieval_measure(struct retrieval_result *out, const struct retrieval_set *set,
                              struct error *e);

#endif
