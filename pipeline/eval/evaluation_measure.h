/* evaluation_measure: state of a set while it is measured; shared by the files of evaluation.h. */
#ifndef PIPELINE_EVAL_EVALUATION_MEASURE_H
#define PIPELINE_EVAL_EVALUATION_MEASURE_H

#include "data/shards/dataset.h"
#include "pipeline/eval/evaluation_place.h"
#include "pipeline/eval/zero_shot.h"
#include "pipeline/features/embed.h"

struct measure {
    const struct evaluation_set *set;
    const struct evaluation_model *model;
    struct embedder *embedder;
    struct evaluation_place place;
    struct dataset *dataset; /* to test on */
    struct dataset_memory memory;
    int64_t n; /* samples */
    int64_t width;
    float *images;   /* (n, width) */
    uint8_t *usable; /* (n) */
    /* Texts: captions, or class names in templates. */
    struct text bytes; /* one after the other */
    struct {
        size_t start, n;
        int32_t image;
    } * text;
    int64_t n_texts, capacity;
    float *texts; /* (n_texts, width) */
    uint8_t *text_usable;
};

/* The tasks. Each adds its metrics to the result. */
enum status measure_retrieval(struct measure *m, struct evaluation_result *r, struct error *e);
enum status measure_classification(struct measure *m, struct evaluation_result *r,
                                   struct error *e);
enum status measure_multilabel(struct measure *m, struct evaluation_result *r, struct error *e);
enum status measure_linear_probe(struct measure *m, struct evaluation_result *r, struct error *e);
enum status measure_nearest_mean(struct measure *m, struct evaluation_result *r, struct error *e);

/* Opens shards with the settings of the set and embeds their pictures. The caller frees images and
 * usable. */
enum status measure_open(const struct measure *m, const char *shards, struct dataset **dataset,
                         float **images, uint8_t **usable, struct error *e);
/* Append a text; encode all appended texts. */
enum status measure_add_text(struct measure *m, const char *bytes, size_t n, int64_t image,
                             struct error *e);
enum status measure_embed_texts(struct measure *m, struct error *e);
/* The class of each sample of d; -1: none. The caller frees *labels, after failure too. BAD_DATA
 * for a class >= n_classes. */
enum status measure_labels(const struct measure *m, const struct dataset *d,
                           const uint8_t *usable, int64_t n_classes, int32_t **labels,
                           struct error *e);
/* Adds acc1, acc5 and mean_per_class_recall of a classifier. */
enum status measure_accuracy(const struct measure *m, struct evaluation_result *r,
                             const struct zero_shot_set *set, struct error *e);
void measure_add_metric(struct evaluation_result *r, const char *name, double value);

enum status measure_no_memory(const struct measure *m, struct error *e);
/* Fails with the reason why no sample could be used. */
enum status measure_nothing_usable(const struct measure *m, const char *what, struct error *e);

#endif
