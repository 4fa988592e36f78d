#include "pipeline/eval/evaluation_measure.h"

#include <stdlib.h>

#include "pipeline/base/log.h"

enum status measure_no_memory(const struct measure *m, struct error *e) {
    return fail(e, STATUS_NO_MEMORY, "no memory for %lld samples", (long long)m->n);
}

enum status measure_add_text(struct measure *m, const char *bytes, size_t n, int64_t image,
                            struct error *e) {
    if (m->n_texts == m->capacity) {
        const int64_t capacity = m->capacity ? 2 * m->capacity : 256;
        void *grown = realloc(m->text, (size_t)capacity * sizeof *m->text);
        if (!grown) return measure_no_memory(m, e);
        m->text = grown;
        m->capacity = capacity;
    }
    m->text[m->n_texts].start = m->bytes.n;
    m->text[m->n_texts].n = n;
    m->text[m->n_texts++].image = (int32_t)image;
    text_append_bytes(&m->bytes, bytes, n);
    return STATUS_OK;
}

enum status measure_embed_texts(struct measure *m, struct error *e) {
    enum status rc = STATUS_OK;
    const size_t n = (size_t)m->n_texts;
    struct embedder_text *list = malloc(n * sizeof *list + 1);
    m->texts = malloc(n * (size_t)m->width * sizeof *m->texts + 1);
    m->text_usable = malloc(n + 1);
    if (!list || !m->texts || !m->text_usable) TRY(measure_no_memory(m, e));
    TRY(text_check(&m->bytes, e));
    for (size_t i = 0; i < n; i++)
        list[i] = (struct embedder_text){text_string(&m->bytes) + m->text[i].start, m->text[i].n};
    TRY(embedder_texts(m->embedder, m->model->tokenizer, list, m->n_texts, m->texts, m->text_usable,
                       e));
done:
    free(list);
    return rc;
}

void measure_add_metric(struct evaluation_result *r, const char *name, double value) {
    CHECK(r->n_metrics < EVALUATION_METRICS_MAX);
    r->metric[r->n_metrics++] = (struct evaluation_metric){name, value};
}

enum status measure_nothing_usable(const struct measure *m, const char *what, struct error *e) {
    struct text found = {0};
    dataset_extensions(m->dataset, &found);
    const enum status rc =
        fail(e, STATUS_BAD_DATA, "no usable sample among %lld; expected %s, found %s",
             (long long)m->n, what, text_string(&found));
    text_release(&found);
    return rc;
}

enum status measure_labels(const struct measure *m, const struct dataset *d,
                           const uint8_t *usable, int64_t n_classes, int32_t **labels,
                           struct error *e) {
    enum status rc = STATUS_OK;
    struct dataset_memory memory = {0};
    const int64_t n = dataset_counts(d).samples;
    int32_t *list = malloc((size_t)n * sizeof *list + 1);
    *labels = list;
    if (!list) TRY(measure_no_memory(m, e));
    for (int64_t i = 0; i < n; i++) {
        int64_t label;
        list[i] = -1;
        if (!usable[i]) continue;
        rc = dataset_label(&label, d, i, &memory, e);
        if (rc == STATUS_BAD_DATA) {
            log_debug("%s", e->text);
            continue;
        }
        if (rc != STATUS_OK) goto done;
        if (label < 0 || label >= n_classes) {
            const struct dataset_sample s = dataset_sample(d, i);
            TRY(fail(e, STATUS_BAD_DATA,
                     "%s: sample %s: label %lld; expected 0 to %lld, as there are %lld class names",
                     s.shard, s.key, (long long)label, (long long)n_classes - 1,
                     (long long)n_classes));
        }
        list[i] = (int32_t)label;
    }
    rc = STATUS_OK;
done:
    dataset_memory_release(&memory);
    return rc;
}

enum status measure_accuracy(const struct measure *m, struct evaluation_result *r,
                             const struct zero_shot_set *set, struct error *e) {
    enum status rc = STATUS_OK;
    struct zero_shot_result found;
    TRY(zero_shot_measure(&found, set, e));
    if (found.n_images == 0)
        TRY(measure_nothing_usable(m, "a picture and a label (cls or json)", e));
    r->n_samples = found.n_images;
    r->n_classes = set->n_classes;
    measure_add_metric(r, "acc1", found.acc1);
    measure_add_metric(r, "acc5", found.acc5);
    measure_add_metric(r, "mean_per_class_recall", found.mean_per_class_recall);
    r->score = found.acc1;
done:
    return rc;
}
