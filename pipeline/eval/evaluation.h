/* evaluation: how good a model is on named sets: retrieval, and zero-shot classification.
 *
 * Metrics carry open_clip's and CLIP_benchmark's names:
 *   retrieval       image_to_text_R@1, @5, @10 (a picture asks for its captions) and
 *                   text_to_image_R@1, @5, @10
 *   classification  acc1, acc5, mean_per_class_recall
 * All are 0 to 1. With k items or fewer R@k is 1, unless scores tie (see retrieval.h). The score of
 * a set, by which it is compared over time, is the mean of both R@1, or acc1.
 *
 * The same model, device and slice size give the same numbers to the last bit. */
#ifndef PIPELINE_EVAL_EVALUATION_H
#define PIPELINE_EVAL_EVALUATION_H

#include "data/caption.h"
#include "data/image.h"
#include "data/tokenizer.h"
#include "models/towers.h"
#include "pipeline/base/schema.h"
#include "pipeline/base/text.h"

enum evaluation_task { EVALUATION_RETRIEVAL, EVALUATION_CLASSIFICATION };

/* One set. Empty texts mean the same as NULL. */
struct evaluation_set {
    const char *name, *shards; /* as struct dataset_source */
    enum evaluation_task task;
    enum caption_use captions;
    const char *caption_field, *label_field;
    struct schema_texts templates;  /* with {} or {c}; none: "a photo of a {}." */
    struct schema_texts classnames; /* none: lines of classnames.txt beside the first shard */
};

struct evaluation_model {
    struct backend *backend;
    struct weights_view view;
    const struct tokenizer *tokenizer;
    int slice_samples;
    enum image_rgb to_rgb;
    const char *cache; /* folder for shard indices, or NULL */
};

enum { EVALUATION_METRICS_MAX = 6 };
struct evaluation_metric {
    const char *name; /* static */
    double value;
};

struct evaluation_result {
    const char *set; /* the set's name, where the set has it */
    enum evaluation_task task;
    int64_t n_samples; /* that counted */
    int64_t n_unusable;
    int64_t n_texts; /* captions, or class names times templates */
    int n_metrics;
    struct evaluation_metric metric[EVALUATION_METRICS_MAX];
    double score;
};

/* results (n_sets). A sample without usable picture, caption or label is left out and counted.
 * Errors: those of dataset_open; BAD_DATA when no sample of a set can be used or a label names no
 * class; BAD_ARG for a template without a place for the class name. */
enum status evaluation_run(struct evaluation_result *results, const struct evaluation_set *sets,
                           int n_sets, const struct evaluation_model *m, struct error *e);

/* Appends a JSON object on one line, without line end and clock times: {"after", "step", "set",
 * "task", "num_samples", "unusable", metrics, "score"}. after_stage: "start", or the stage. */
void evaluation_line(const struct evaluation_result *result, const char *after_stage, int64_t step,
                     struct text *out);

#endif
