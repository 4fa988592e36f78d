#include "pipeline/eval/evaluation.h"

#include "data/dataset.h"
#include "data/shard_list.h"
#include "pipeline/base/file.h"
#include "pipeline/base/json_write.h"
#include "pipeline/base/log.h"
#include "pipeline/eval/embed.h"
#include "pipeline/eval/retrieval.h"
#include "pipeline/eval/zero_shot.h"

#include <stdlib.h>
#include <string.h>

enum { CLASSNAMES_BYTES_MAX = 16 << 20 };

static const char *const task_words[] = {"retrieval", "classification"};
static const char *const default_template[] = {"a photo of a {}."};

/* One set while it is measured. */
struct measure {
    const struct evaluation_set *set;
    const struct evaluation_model *model;
    struct embedder *embedder;
    struct dataset *dataset;
    struct dataset_memory memory;
    int64_t n; /* samples */
    int64_t width;
    float *images;   /* (n, width) */
    uint8_t *usable; /* (n) */
    /* texts: captions, or class names in templates */
    struct text bytes; /* one after the other */
    struct {
        size_t start, n;
        int32_t image;
    } * text;
    int64_t n_texts, capacity;
    float *texts; /* (n_texts, width) */
    uint8_t *text_usable;
};

static enum status no_memory(const struct measure *m, struct error *e) {
    return fail(e, STATUS_NO_MEMORY, "no memory for %lld samples", (long long)m->n);
}

static enum status add_text(struct measure *m, const char *bytes, size_t n, int64_t image,
                            struct error *e) {
    if (m->n_texts == m->capacity) {
        const int64_t capacity = m->capacity ? 2 * m->capacity : 256;
        void *grown = realloc(m->text, (size_t)capacity * sizeof *m->text);
        if (!grown) return no_memory(m, e);
        m->text = grown;
        m->capacity = capacity;
    }
    m->text[m->n_texts].start = m->bytes.n;
    m->text[m->n_texts].n = n;
    m->text[m->n_texts++].image = (int32_t)image;
    text_append_bytes(&m->bytes, bytes, n);
    return STATUS_OK;
}

static enum status embed_texts(struct measure *m, struct error *e) {
    enum status rc = STATUS_OK;
    const size_t n = (size_t)m->n_texts;
    struct embedder_text *list = malloc(n * sizeof *list + 1);
    m->texts = malloc(n * (size_t)m->width * sizeof *m->texts + 1);
    m->text_usable = malloc(n + 1);
    if (!list || !m->texts || !m->text_usable) TRY(no_memory(m, e));
    TRY(text_check(&m->bytes, e));
    for (size_t i = 0; i < n; i++)
        list[i] = (struct embedder_text){text_string(&m->bytes) + m->text[i].start, m->text[i].n};
    TRY(embedder_texts(m->embedder, m->model->tokenizer, list, m->n_texts, m->texts, m->text_usable,
                       e));
done:
    free(list);
    return rc;
}

static void add_metric(struct evaluation_result *r, const char *name, double value) {
    CHECK(r->n_metrics < EVALUATION_METRICS_MAX);
    r->metric[r->n_metrics++] = (struct evaluation_metric){name, value};
}

/* What is wrong when not one sample could be used. */
static enum status nothing_usable(const struct measure *m, const char *what, struct error *e) {
    struct text found = {0};
    dataset_extensions(m->dataset, &found);
    const enum status rc =
        fail(e, STATUS_BAD_DATA, "no usable sample among %lld; expected %s, found %s",
             (long long)m->n, what, text_string(&found));
    text_release(&found);
    return rc;
}

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
            TRY(add_text(m, text_string(&captions.bytes) + captions.caption[c].start,
                         captions.caption[c].n, i, e));
    }
    rc = STATUS_OK;
done:
    dataset_captions_release(&captions);
    return rc;
}

/* Moves what is usable to the front: pictures that have a usable caption, and those captions.
 * image (n_texts) out; returns the number of pictures. */
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

static enum status measure_retrieval(struct measure *m, struct evaluation_result *r,
                                     struct error *e) {
    enum status rc = STATUS_OK;
    struct retrieval_result found;
    int32_t *image = NULL;
    TRY(read_captions(m, e));
    TRY(embed_texts(m, e));
    image = malloc((size_t)m->n_texts * sizeof *image + 1);
    if (!image) TRY(no_memory(m, e));
    const int64_t n_images = keep_usable(m, image);
    if (n_images == 0) TRY(nothing_usable(m, "a picture and a caption (txt or json)", e));
    const struct retrieval_set set = {.images = m->images,
                                      .texts = m->texts,
                                      .image_of_text = image,
                                      .n_images = n_images,
                                      .n_texts = m->n_texts,
                                      .width = m->width};
    TRY(retrieval_measure(&found, &set, e));
    r->n_samples = n_images;
    r->n_texts = m->n_texts;
    add_metric(r, "image_to_text_R@1", found.text.at_1);
    add_metric(r, "image_to_text_R@5", found.text.at_5);
    add_metric(r, "image_to_text_R@10", found.text.at_10);
    add_metric(r, "text_to_image_R@1", found.image.at_1);
    add_metric(r, "text_to_image_R@5", found.image.at_5);
    add_metric(r, "text_to_image_R@10", found.image.at_10);
    r->score = (found.text.at_1 + found.image.at_1) / 2;
done:
    free(image);
    return rc;
}

/* --- Classification --- */

/* Class names, of the set or a file; each is a line of out, n of them. */
static enum status read_classnames(const struct evaluation_set *set, struct text *out, int64_t *n,
                                   struct error *e) {
    enum status rc = STATUS_OK;
    struct shard_list shards = {0};
    char folder[FILE_PATH_MAX], path[FILE_PATH_MAX], *bytes = NULL;
    size_t size;
    *n = 0;
    for (int i = 0; i < set->classnames.n; i++, ++*n) {
        text_append(out, set->classnames.item[i]);
        text_append_char(out, '\n');
    }
    if (*n > 0) goto done;
    TRY(shard_list_expand(&shards, set->shards, e));
    TRY(file_parent(folder, shards.path[0], e));
    TRY(file_join(path, folder, "classnames.txt", e));
    rc = file_read_all(&bytes, &size, path, CLASSNAMES_BYTES_MAX, e);
    if (rc == STATUS_NOT_FOUND)
        TRY(fail(e, STATUS_NOT_FOUND,
                 "%s: not there; expected a class name per line, or \"classnames\" in the recipe",
                 path));
    if (rc != STATUS_OK) goto done;
    const char *from = bytes, *name;
    size_t length;
    while (caption_next(&from, bytes + size, CAPTION_LINES, &name, &length)) {
        text_append_bytes(out, name, length);
        text_append_char(out, '\n');
        ++*n;
    }
    if (*n == 0) rc = fail(e, STATUS_BAD_DATA, "%s: empty; expected a class name per line", path);
done:
    if (rc == STATUS_OK) rc = text_check(out, e);
    shard_list_release(&shards);
    free(bytes);
    return rc;
}

/* The texts of all classes, class by class, and their classifier (n_classes, width). */
static enum status make_classifier(struct measure *m, float **classifier, int64_t *n_classes,
                                   struct error *e) {
    enum status rc = STATUS_OK;
    struct text names = {0}, name = {0}, prompt = {0};
    const struct schema_texts given = m->set->templates;
    const struct schema_texts templates =
        given.n > 0 ? given : (struct schema_texts){default_template, 1};
    TRY(read_classnames(m->set, &names, n_classes, e));
    const char *line = text_string(&names);
    for (int64_t c = 0; c < *n_classes; c++) {
        const char *end = strchr(line, '\n');
        text_clear(&name);
        text_append_bytes(&name, line, (size_t)(end - line));
        TRY(text_check(&name, e));
        line = end + 1;
        for (int t = 0; t < templates.n; t++) {
            TRY(zero_shot_prompt(&prompt, templates.item[t], text_string(&name), e));
            TRY(add_text(m, text_string(&prompt), prompt.n, -1, e));
        }
    }
    TRY(embed_texts(m, e));
    for (int64_t i = 0; i < m->n_texts; i++)
        if (!m->text_usable[i])
            TRY(fail(e, STATUS_BAD_DATA, "prompt \"%.*s\": not a text that has ids",
                     (int)m->text[i].n, text_string(&m->bytes) + m->text[i].start));
    *classifier = malloc((size_t)*n_classes * (size_t)m->width * sizeof **classifier);
    if (!*classifier) TRY(no_memory(m, e));
    zero_shot_classifier(*classifier, m->texts, *n_classes, templates.n, m->width);
done:
    text_release(&names);
    text_release(&name);
    text_release(&prompt);
    return rc;
}

static enum status read_labels(struct measure *m, int32_t *labels, int64_t n_classes,
                               struct error *e) {
    for (int64_t i = 0; i < m->n; i++) {
        int64_t label;
        labels[i] = -1;
        if (!m->usable[i]) continue;
        const enum status rc = dataset_label(&label, m->dataset, i, &m->memory, e);
        if (rc == STATUS_BAD_DATA) {
            log_debug("%s", e->text);
            continue;
        }
        if (rc != STATUS_OK) return rc;
        if (label < 0 || label >= n_classes) {
            const struct dataset_sample s = dataset_sample(m->dataset, i);
            return fail(e, STATUS_BAD_DATA,
                        "%s: sample %s: label %lld; expected 0 to %lld, as there are %lld class "
                        "names",
                        s.shard, s.key, (long long)label, (long long)n_classes - 1,
                        (long long)n_classes);
        }
        labels[i] = (int32_t)label;
    }
    return STATUS_OK;
}

static enum status measure_classification(struct measure *m, struct evaluation_result *r,
                                          struct error *e) {
    enum status rc = STATUS_OK;
    struct zero_shot_result found;
    float *classifier = NULL;
    int64_t n_classes;
    int32_t *labels = malloc((size_t)m->n * sizeof *labels + 1);
    if (!labels) TRY(no_memory(m, e));
    TRY(make_classifier(m, &classifier, &n_classes, e));
    TRY(read_labels(m, labels, n_classes, e));
    const struct zero_shot_set set = {.images = m->images,
                                      .classifier = classifier,
                                      .labels = labels,
                                      .n_images = m->n,
                                      .n_classes = n_classes,
                                      .width = m->width};
    TRY(zero_shot_measure(&found, &set, e));
    if (found.n_images == 0) TRY(nothing_usable(m, "a picture and a label (cls or json)", e));
    r->n_samples = found.n_images;
    r->n_texts = m->n_texts;
    add_metric(r, "acc1", found.acc1);
    add_metric(r, "acc5", found.acc5);
    add_metric(r, "mean_per_class_recall", found.mean_per_class_recall);
    r->score = found.acc1;
done:
    free(labels);
    free(classifier);
    return rc;
}

/* --- Sets --- */

static const char *or_null(const char *text) {
    return text && text[0] ? text : NULL;
}

static enum status measure_set(struct measure *m, struct evaluation_result *r, struct error *e) {
    enum status rc = STATUS_OK;
    const struct evaluation_set *set = m->set;
    const struct dataset_source source = {.name = set->name,
                                          .shards = set->shards,
                                          .cache = or_null(m->model->cache),
                                          .to_rgb = m->model->to_rgb,
                                          .captions = set->captions,
                                          .caption_field = or_null(set->caption_field),
                                          .label_field = or_null(set->label_field)};
    *r = (struct evaluation_result){.set = set->name, .task = set->task};
    TRY(dataset_open(&m->dataset, &source, e));
    m->n = dataset_counts(m->dataset).samples;
    m->width = embedder_width(m->embedder);
    CHECK(m->n <= INT32_MAX);
    m->images = malloc((size_t)m->n * (size_t)m->width * sizeof *m->images + 1);
    m->usable = malloc((size_t)m->n + 1);
    if (!m->images || !m->usable) TRY(no_memory(m, e));
    TRY(embedder_images(m->embedder, m->dataset, 0, m->n, m->images, m->usable, e));
    TRY(set->task == EVALUATION_RETRIEVAL ? measure_retrieval(m, r, e)
                                          : measure_classification(m, r, e));
    r->n_unusable = m->n - r->n_samples;
    if (r->n_unusable > 0)
        log_warning("evaluation %s: %lld of %lld samples left out: no usable picture, caption or "
                    "label",
                    set->name, (long long)r->n_unusable, (long long)m->n);
done:
    if (rc != STATUS_OK) error_context(e, "evaluation %s", set->name);
    return rc;
}

static void measure_release(struct measure *m) {
    dataset_close(&m->dataset);
    dataset_memory_release(&m->memory);
    text_release(&m->bytes);
    free(m->images);
    free(m->usable);
    free(m->text);
    free(m->texts);
    free(m->text_usable);
}

enum status evaluation_run(struct evaluation_result *results, const struct evaluation_set *sets,
                           int n_sets, const struct evaluation_model *model, struct error *e) {
    enum status rc = STATUS_OK;
    struct embedder *embedder = NULL;
    TRY(embedder_create(&embedder, model->backend, &model->view, model->slice_samples, EMBED_SLICES,
                        e));
    for (int i = 0; i < n_sets; i++) {
        struct measure m = {.set = &sets[i], .model = model, .embedder = embedder};
        rc = measure_set(&m, &results[i], e);
        measure_release(&m);
        if (rc != STATUS_OK) break;
    }
done:
    embedder_destroy(&embedder);
    return rc;
}

void evaluation_line(const struct evaluation_result *r, const char *after_stage, int64_t step,
                     struct text *out) {
    struct json_writer w = {0};
    json_write_object_begin(&w);
    json_write_name(&w, "after");
    json_write_text(&w, after_stage);
    json_write_name(&w, "step");
    json_write_int(&w, step);
    json_write_name(&w, "set");
    json_write_text(&w, r->set);
    json_write_name(&w, "task");
    json_write_text(&w, task_words[r->task]);
    json_write_name(&w, "num_samples");
    json_write_int(&w, r->n_samples);
    json_write_name(&w, "unusable");
    json_write_int(&w, r->n_unusable);
    for (int i = 0; i < r->n_metrics; i++) {
        json_write_name(&w, r->metric[i].name);
        json_write_double(&w, r->metric[i].value);
    }
    json_write_name(&w, "score");
    json_write_double(&w, r->score);
    json_write_object_end(&w);
    if (w.text.failed) out->failed = true;
    text_append(out, text_string(&w.text));
    text_release(&w.text);
}
