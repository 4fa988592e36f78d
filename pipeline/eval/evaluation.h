/* evaluation: how good a model is on named sets.
 *
 * Metrics carry the names of open_clip and CLIP_benchmark:
 *   retrieval       image_to_text_R@1, @5, @10 (a picture asks for its captions), then
 *                   image_to_text_mean_rank and _median_rank; the same for text_to_image
 *   classification  acc1, acc5, mean_per_class_recall, by the texts of class names (zero-shot)
 *   multilabel      mean_average_precision, zero-shot
 *   linear_probe    acc1, acc5, mean_per_class_recall and l2 of a logistic regression that is
 *                   trained on the features of other pictures (linear_probe.h)
 *   nearest_mean    acc1, acc5, mean_per_class_recall by the means of those features
 * Shares are 0 to 1. With k items or fewer R@k is 1. The score of a set, by which it is compared
 * over time, is the mean of both R@1, or acc1, or mean_average_precision.
 *
 * A set is shards, or a folder in CLIP_benchmark's layout (evaluation_place.h), which says itself
 * what its task, class names, templates and training pictures are.
 *
 * The same model, device and slice size give the same numbers to the last bit. */
#ifndef PIPELINE_EVAL_EVALUATION_H
#define PIPELINE_EVAL_EVALUATION_H

#include "data/images/image.h"
#include "data/shards/dataset.h"
#include "data/texts/caption.h"
#include "data/texts/tokenizer.h"
#include "models/clip/towers.h"
#include "pipeline/base/schema.h"
#include "pipeline/base/text.h"

/* What an evaluation before the first step is "after"; no stage may have this name. */
#define EVALUATION_START "start"

/* name, word, CLIP_benchmark's word */
#define EVALUATION_TASK_LIST(X)                                                                    \
    X(AUTO, "auto", "auto") /* what the folder says; of other shards: retrieval */                 \
    X(RETRIEVAL, "retrieval", "zeroshot_retrieval")                                                \
    X(CLASSIFICATION, "classification", "zeroshot_classification")                                 \
    X(MULTILABEL, "multilabel", "zeroshot_classification")                                         \
    X(LINEAR_PROBE, "linear_probe", "linear_probe")                                                \
    X(NEAREST_MEAN, "nearest_mean", "nearest_mean")

#define EVALUATION_TASK_ENUM(name, word, benchmark) EVALUATION_##name,
enum evaluation_task { EVALUATION_TASK_LIST(EVALUATION_TASK_ENUM) EVALUATION_TASKS };
#undef EVALUATION_TASK_ENUM

/* One set. Empty texts mean the same as NULL. */
struct evaluation_set {
    const char *name, *shards; /* as struct dataset_source, or a folder of CLIP_benchmark */
    int task;                  /* enum evaluation_task */
    const char *train;         /* shards to learn from: linear_probe, nearest_mean */
    enum caption_use captions;
    const char *caption_field, *label_field;
    struct schema_texts
        templates; /* with {} or {c}, or names of template_list.h; none: see place */
    struct schema_texts classnames; /* none: lines of classnames.txt beside the first shard */
};

struct evaluation_model {
    struct backend *backend;
    struct weights_view view;
    const struct tokenizer *tokenizer;
    int slice_samples;
    const char *cache;    /* as of struct dataset_source; "" is NULL */
    uint64_t cache_bytes; /* the same */
    struct image_rule rule;
    const char
        *moment; /* "after photos": log the summary of each set once measured; NULL: do not */
};

enum { EVALUATION_METRICS_MAX = 10 };
struct evaluation_metric {
    const char *name; /* static */
    double value;
};

struct evaluation_result {
    const char *set; /* the set's name, where the set has it */
    bool is_trained; /* the stage just ended trained on data of its name; the caller's to say */
    enum evaluation_task task;
    int64_t n_samples; /* that counted */
    int64_t n_unusable;
    int64_t n_texts;   /* captions, or class names times templates */
    int64_t n_classes; /* 0: retrieval */
    int n_metrics;
    struct evaluation_metric metric[EVALUATION_METRICS_MAX];
    double score;
};

/* results (n_sets). A sample without usable picture, caption or label is left out and counted.
 * Errors: those of dataset_open; BAD_DATA when no sample of a set can be used or a label names no
 * class; BAD_ARG for a template without a place for the class name, and for a task that learns
 * without train shards. */
enum status evaluation_run(struct evaluation_result *results, const struct evaluation_set *sets,
                           int n_sets, const struct evaluation_model *m, struct error *e);

/* What evaluation_run would measure: counts (n_sets) of the samples to test on. Only opens the sets,
 * reads no sample and writes nothing. Errors: those of evaluation_run that show without a sample. */
enum status evaluation_look(struct dataset_counts *counts, const struct evaluation_set *sets,
                            int n_sets, const struct evaluation_model *m, struct error *e);

/* Appends a JSON object on one line, without line end and clock times: {"after", "step", "set",
 * "task", "num_samples", "unusable", metrics, "score"}, and before "set" "trained": true where the
 * result says so. after_stage: EVALUATION_START, or the stage. */
void evaluation_line(const struct evaluation_result *result, const char *after_stage, int64_t step,
                     struct text *out);

/* Appends what a person wants to see at once, without line end: the metrics that make the score,
 * and how many samples they are of: "emoji: image_to_text_R@1 12.0 %, text_to_image_R@1 12.5 %, n
 * 200". */
void evaluation_summary(const struct evaluation_result *result, struct text *out);

/* Whether a set has the name of a stage or source, alone or in front of one of `-_./` and more. */
bool evaluation_set_belongs(const char *set, const char *name);

/* Whether a metric is a share, 0 to 1; ranks and l2 are not. */
bool evaluation_is_share(const char *metric);

/* Writes FOLDER/SET_PRETRAINED_MODEL_en_TASK.json as CLIP_benchmark writes its results: {"dataset",
 * "model", "pretrained", "task", "metrics", "language"} with its names of metrics; a slash in a
 * name becomes _. acc5 of less than five classes is null there. */
enum status evaluation_write_benchmark(const struct evaluation_result *result, const char *folder,
                                       const char *model, const char *pretrained, struct error *e);

#endif
