/* The tasks that learn from pictures with labels: linear_probe, nearest_mean. */
#include "pipeline/eval/evaluation_measure.h"
#include "pipeline/eval/linear_probe.h"
#include "pipeline/eval/nearest_mean.h"

#include <stdlib.h>
#include <string.h>

enum { CLASSES_MAX = 1 << 17 };

/* The samples to learn from and those to test on. */
struct probe {
    struct dataset *dataset;
    float *images;
    uint8_t *usable;
    int32_t *labels, *test_labels;
    int64_t n, n_classes;
    float *weights; /* (n_classes, width + 1), the last of each row is a bias */
    float *rows;    /* (n of the test, width + 1): its images, each followed by a 1 */
};

static int64_t classes_of(const int32_t *labels, int64_t n) {
    int64_t most = 0;
    for (int64_t i = 0; i < n; i++)
        if (labels[i] >= most) most = labels[i] + 1;
    return most;
}

static enum status probe_open(struct probe *p, struct measure *m, struct error *e) {
    enum status rc = STATUS_OK;
    TRY(measure_open(m, text_string(&m->place.train), &p->dataset, &p->images, &p->usable, e));
    p->n = dataset_counts(p->dataset).samples;
    TRY(measure_labels(m, p->dataset, p->usable, CLASSES_MAX, &p->labels, e));
    TRY(measure_labels(m, m->dataset, m->usable, CLASSES_MAX, &p->test_labels, e));
    p->n_classes = classes_of(p->labels, p->n);
    if (p->n_classes == 0)
        TRY(fail(e, STATUS_BAD_DATA, "train: no usable picture with a label (cls or json)"));
    const int64_t of_test = classes_of(p->test_labels, m->n);
    if (of_test > p->n_classes) p->n_classes = of_test; /* classes without training samples are
                                                           never predicted */
    const size_t width = (size_t)m->width + 1;
    p->weights = calloc((size_t)p->n_classes * width, sizeof *p->weights);
    p->rows = malloc((size_t)m->n * width * sizeof *p->rows + 1);
    if (!p->weights || !p->rows) TRY(measure_no_memory(m, e));
    for (int64_t i = 0; i < m->n; i++) {
        float *row = p->rows + i * (m->width + 1);
        memcpy(row, m->images + i * m->width, (size_t)m->width * sizeof *row);
        row[m->width] = 1;
    }
done:
    return rc;
}

static void probe_release(struct probe *p) {
    dataset_close(&p->dataset);
    free(p->images);
    free(p->usable);
    free(p->labels);
    free(p->test_labels);
    free(p->weights);
    free(p->rows);
}

static enum status test(const struct probe *p, const struct measure *m,
                        struct evaluation_result *r, struct error *e) {
    const struct zero_shot_set set = {.images = p->rows,
                                      .classifier = p->weights,
                                      .labels = p->test_labels,
                                      .n_images = m->n,
                                      .n_classes = p->n_classes,
                                      .width = m->width + 1};
    return measure_accuracy(m, r, &set, e);
}

enum status measure_linear_probe(struct measure *m, struct evaluation_result *r, struct error *e) {
    enum status rc = STATUS_OK;
    struct probe p = {0};
    double l2;
    TRY(probe_open(&p, m, e));
    const struct linear_probe_set set = {p.images, p.labels, p.n, m->width, p.n_classes};
    TRY(linear_probe_seek(p.weights, &l2, &set, 0, e));
    TRY(test(&p, m, r, e));
    measure_add_metric(r, "l2", l2);
done:
    probe_release(&p);
    return rc;
}

enum status measure_nearest_mean(struct measure *m, struct evaluation_result *r, struct error *e) {
    enum status rc = STATUS_OK;
    struct probe p = {0};
    TRY(probe_open(&p, m, e));
    TRY(nearest_mean_fit(p.weights, p.images, p.labels, p.n, m->width, p.n_classes, e));
    TRY(test(&p, m, r, e));
done:
    probe_release(&p);
    return rc;
}
