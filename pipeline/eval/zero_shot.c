#include "pipeline/eval/zero_shot.h"

#include "pipeline/base/thread.h"
#include "pipeline/eval/similarity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void zero_shot_classifier(float *classifier, float *features, int64_t n_classes,
                          int64_t n_templates, int64_t width) {
    similarity_normalize(features, n_classes * n_templates, width);
    for (int64_t c = 0; c < n_classes; c++) {
        const float *of_class = features + c * n_templates * width;
        for (int64_t i = 0; i < width; i++) {
            double sum = 0;
            for (int64_t t = 0; t < n_templates; t++) sum += of_class[t * width + i];
            classifier[c * width + i] = (float)(sum / (double)n_templates);
        }
    }
    similarity_normalize(classifier, n_classes, width);
}

/* Number of wrong classes before the right one; NaN is before all, as torch sorts. */
static int64_t rank_of(const struct zero_shot_set *s, int64_t image) {
    const float *feature = s->images + image * s->width;
    const int32_t label = s->labels[image];
    const float own = similarity(feature, s->classifier + label * s->width, s->width);
    int64_t rank = 0;
    if (isnan(own)) return INT64_MAX;
    for (int64_t c = 0; c < s->n_classes; c++) {
        if (c == label) continue;
        const float score = similarity(feature, s->classifier + c * s->width, s->width);
        rank += !(score < own) && (score != own || c < label);
    }
    return rank;
}

struct ranking {
    const struct zero_shot_set *set;
    int64_t *rank; /* (n_images) */
};

static void rank_image(void *context, int64_t image, int worker) {
    const struct ranking *r = context;
    (void)worker;
    if (r->set->labels[image] >= 0) r->rank[image] = rank_of(r->set, image);
}

/* Ranks every image that has a label. */
static enum status rank_all(int64_t *rank, const struct zero_shot_set *s, struct error *e) {
    struct thread_pool *pool = NULL;
    struct ranking r = {s, rank};
    const enum status rc = thread_pool_create(&pool, 0, e);
    if (rc == STATUS_OK) thread_pool_run(pool, s->n_images, rank_image, &r);
    thread_pool_destroy(&pool);
    return rc;
}

enum status zero_shot_measure(struct zero_shot_result *out, const struct zero_shot_set *s,
                              struct error *e) {
    enum status rc = STATUS_OK;
    int64_t *n_of_class = calloc((size_t)s->n_classes + 1, sizeof *n_of_class);
    int64_t *hits_of_class = calloc((size_t)s->n_classes + 1, sizeof *hits_of_class);
    int64_t *ranks = malloc((size_t)s->n_images * sizeof *ranks + 1);
    int64_t hits_1 = 0, hits_5 = 0, n_seen = 0;
    memset(out, 0, sizeof *out);
    if (!n_of_class || !hits_of_class || !ranks) {
        rc = fail(e, STATUS_NO_MEMORY, "zero_shot: no memory for %lld classes",
                  (long long)s->n_classes);
        goto done;
    }
    for (int64_t i = 0; i < s->n_images; i++) {
        const int32_t label = s->labels[i];
        if (label >= -1 && label < s->n_classes) continue;
        rc = fail(e, STATUS_BAD_ARG,
                  "zero_shot: label of image %lld; expected -1 to %lld, found %d", (long long)i,
                  (long long)s->n_classes - 1, (int)label);
        goto done;
    }
    TRY(rank_all(ranks, s, e));
    for (int64_t i = 0; i < s->n_images; i++) {
        const int32_t label = s->labels[i];
        if (label < 0) continue;
        const int64_t rank = ranks[i];
        out->n_images++;
        n_of_class[label]++;
        hits_of_class[label] += rank < 1;
        hits_1 += rank < 1;
        hits_5 += rank < 5;
    }
    for (int64_t c = 0; c < s->n_classes; c++) {
        if (!n_of_class[c]) continue;
        n_seen++;
        out->mean_per_class_recall += (double)hits_of_class[c] / (double)n_of_class[c];
    }
    if (out->n_images) {
        out->acc1 = (double)hits_1 / (double)out->n_images;
        out->acc5 = (double)hits_5 / (double)out->n_images;
        out->mean_per_class_recall /= (double)n_seen;
    }
done:
    free(n_of_class);
    free(hits_of_class);
    free(ranks);
    return rc;
}
