/* The zero-shot tasks: retrieval, classification, multilabel. */
#include "data/texts/classnames.h"
#include "pipeline/eval/average_precision.h"
#include "pipeline/eval/evaluation_measure.h"
#include "pipeline/eval/retrieval.h"
#include "pipeline/eval/zero_shot.h"
#include "pipeline/features/npy.h"

#include "pipeline/base/log.h"

#include <stdlib.h>
#include <string.h>

/* --- Retrieval --- */

static enum status read_captions(struct measure *m, struct error *e) {
    enum status rc = STATUS_OK;
    struct dataset_captions captions = {0};
    for (int64_t i = 0; i < m->n; i++) {
        if (!m->usable[i]) continue;
        rc = dataset_captions(&captions, m->dataset, i, &m->memory, e);
        if (rc == STATUS_BAD_DATA) {
            m->usable[i] = 0;
            log_debug("%s", e->text);
            continue;
        }
        if (rc != STATUS_OK) goto done;
        for (int c = 0; c < captions.n; c++)
            TRY(measure_add_text(m, text_string(&captions.bytes) + captions.caption[c].start,
                         captions.caption[c].n, i, e));
    }
    rc = STATUS_OK;
done:
    dataset_captions_release(&captions);
    return rc;
}

/* Moves pictures with a usable caption, and those captions, to the front. image (n_texts) out;
 * returns the number of pictures. */
static int64_t keep_usable(struct measure *m, int32_t *image) {
    const size_t row_bytes = (size_t)m->width * sizeof(float);
    int64_t n_images = 0, n_texts = 0, last = -1;
    for (int64_t t = 0; t < m->n_texts; t++) {
        const int64_t of = m->text[t].image;
        if (!m->text_usable[t]) continue;
        if (of != last) {
            memmove(m->images + n_images++ * m->width, m->images + of * m->width, row_bytes);
            last = of;
        }
        memmove(m->texts + n_texts * m->width, m->texts + t * m->width, row_bytes);
        image[n_texts++] = (int32_t)(n_images - 1);
    }
    m->n_texts = n_texts;
    return n_images;
}

enum status measure_retrieval(struct measure *m, struct evaluation_result *r,
                                     struct error *e) {
    enum status rc = STATUS_OK;
    struct retrieval_result found;
    int32_t *image = NULL;
    TRY(read_captions(m, e));
    TRY(measure_embed_texts(m, e));
    image = malloc((size_t)m->n_texts * sizeof *image + 1);
    if (!image) TRY(measure_no_memory(m, e));
    const int64_t n_images = keep_usable(m, image);
    if (n_images == 0) TRY(measure_nothing_usable(m, "a picture and a caption (txt or json)", e));
    const struct retrieval_set set = {.images = m->images,
                                      .texts = m->texts,
                                      .image_of_text = image,
                                      .n_images = n_images,
                                      .n_texts = m->n_texts,
                                      .width = m->width};
    TRY(retrieval_measure(&found, &set, e));
    r->n_samples = n_images;
    r->n_texts = m->n_texts;
    measure_add_metric(r, "image_to_text_R@1", found.text.at_1);
    measure_add_metric(r, "image_to_text_R@5", found.text.at_5);
    measure_add_metric(r, "image_to_text_R@10", found.text.at_10);
    measure_add_metric(r, "image_to_text_mean_rank", found.text.mean_rank);
    measure_add_metric(r, "image_to_text_median_rank", found.text.median_rank);
    measure_add_metric(r, "text_to_image_R@1", found.image.at_1);
    measure_add_metric(r, "text_to_image_R@5", found.image.at_5);
    measure_add_metric(r, "text_to_image_R@10", found.image.at_10);
    measure_add_metric(r, "text_to_image_mean_rank", found.image.mean_rank);
    measure_add_metric(r, "text_to_image_median_rank", found.image.median_rank);
    r->score = (found.text.at_1 + found.image.at_1) / 2;
done:
    free(image);
    return rc;
}

/* --- Classification --- */

/* Embeds the texts of all classes, class by class, and makes their classifier (n_classes,
 * width). */
static enum status make_classifier(struct measure *m, float **classifier, struct error *e) {
    enum status rc = STATUS_OK;
    struct text prompt = {0};
    const struct evaluation_lines *names = &m->place.classnames, *templates = &m->place.templates;
    const char *name = NULL, *template = NULL;
    while ((name = evaluation_lines_next(names, name)))
        while ((template = evaluation_lines_next(templates, template))) {
            TRY(classnames_fill(&prompt, template, name, e));
            TRY(measure_add_text(m, text_string(&prompt), prompt.n, -1, e));
        }
    TRY(measure_embed_texts(m, e));
    for (int64_t i = 0; i < m->n_texts; i++)
        if (!m->text_usable[i])
            TRY(fail(e, STATUS_BAD_DATA, "prompt \"%.*s\": not a text that has ids",
                     (int)m->text[i].n, text_string(&m->bytes) + m->text[i].start));
    *classifier = malloc((size_t)names->n * (size_t)m->width * sizeof **classifier);
    if (!*classifier) TRY(measure_no_memory(m, e));
    zero_shot_classifier(*classifier, m->texts, names->n, templates->n, m->width);
done:
    text_release(&prompt);
    return rc;
}

enum status measure_classification(struct measure *m, struct evaluation_result *r,
                                   struct error *e) {
    enum status rc = STATUS_OK;
    float *classifier = NULL;
    int32_t *labels = NULL;
    const int64_t n_classes = m->place.classnames.n;
    TRY(make_classifier(m, &classifier, e));
    TRY(measure_labels(m, m->dataset, m->usable, n_classes, &labels, e));
    const struct zero_shot_set set = {.images = m->images,
                                      .classifier = classifier,
                                      .labels = labels,
                                      .n_images = m->n,
                                      .n_classes = n_classes,
                                      .width = m->width};
    TRY(measure_accuracy(m, r, &set, e));
    r->n_texts = m->n_texts;
done:
    free(labels);
    free(classifier);
    return rc;
}

/* --- Multilabel --- */

/* targets (n_classes) of a sample, 0 or 1, from its npy member. */
static enum status read_targets(struct measure *m, int64_t i, uint8_t *targets, int64_t n_classes,
                                struct error *e) {
    enum status rc = STATUS_OK;
    struct npy array;
    const struct dataset_sample sample = dataset_sample(m->dataset, i);
    TRY(dataset_member(m->dataset, i, "npy", &m->memory, e));
    TRY(npy_parse(&array, m->memory.bytes.bytes, m->memory.bytes.n, e));
    if (array.rank != 1 || array.n != n_classes)
        TRY(fail(e, STATUS_BAD_DATA, "%lld labels; expected %lld, one for each class name",
                 (long long)array.n, (long long)n_classes));
    for (int64_t c = 0; c < n_classes; c++) targets[c] = npy_number(&array, c) != 0;
done:
    if (rc != STATUS_OK) error_context(e, "%.200s: sample %.100s: npy", sample.shard, sample.key);
    return rc;
}

enum status measure_multilabel(struct measure *m, struct evaluation_result *r, struct error *e) {
    enum status rc = STATUS_OK;
    float *classifier = NULL;
    uint8_t *targets = NULL;
    double mean;
    const int64_t n_classes = m->place.classnames.n;
    int64_t n = 0;
    TRY(make_classifier(m, &classifier, e));
    targets = malloc((size_t)m->n * (size_t)n_classes + 1);
    if (!targets) TRY(measure_no_memory(m, e));
    for (int64_t i = 0; i < m->n; i++) {
        if (!m->usable[i]) continue;
        rc = read_targets(m, i, targets + n * n_classes, n_classes, e);
        if (rc == STATUS_BAD_DATA) {
            log_debug("%s", e->text);
            continue;
        }
        if (rc != STATUS_OK) goto done;
        memmove(m->images + n++ * m->width, m->images + i * m->width,
                (size_t)m->width * sizeof *m->images);
    }
    if (n == 0) TRY(measure_nothing_usable(m, "a picture and a vector of labels (npy)", e));
    const struct average_precision_set set = {.images = m->images,
                                              .classifier = classifier,
                                              .targets = targets,
                                              .n_images = n,
                                              .n_classes = n_classes,
                                              .width = m->width};
    TRY(average_precision_mean(&mean, &set, e));
    r->n_samples = n;
    r->n_texts = m->n_texts;
    r->n_classes = n_classes;
    measure_add_metric(r, "mean_average_precision", mean);
    r->score = mean;
done:
    free(classifier);
    free(targets);
    return rc;
}
