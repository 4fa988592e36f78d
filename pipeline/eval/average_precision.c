#include "pipeline/eval/average_precision.h"

#include <stdlib.h>

#include "pipeline/eval/similarity.h"

struct entry {
    float score;
    int64_t image;
};

static int by_score(const void *left, const void *right) {
    const struct entry *a = left, *b = right;
    if (a->score != b->score) return a->score > b->score ? -1 : 1;
    return a->image < b->image ? -1 : a->image > b->image;
}

enum status average_precision_mean(double *out, const struct average_precision_set *s,
                                   struct error *e) {
    struct entry *order = malloc((size_t)s->n_images * sizeof *order + 1);
    if (!order)
        return fail(e, STATUS_NO_MEMORY, "no memory for the order of %lld pictures",
                    (long long)s->n_images);
    *out = 0;
    for (int64_t c = 0; c < s->n_classes; c++) {
        int64_t found = 0;
        double sum = 0;
        for (int64_t i = 0; i < s->n_images; i++)
            order[i] = (struct entry){
                similarity(s->images + i * s->width, s->classifier + c * s->width, s->width), i};
        qsort(order, (size_t)s->n_images, sizeof *order, by_score);
        for (int64_t k = 0; k < s->n_images; k++) {
            if (!s->targets[order[k].image * s->n_classes + c]) continue;
            found++;
            sum += (double)found / (double)(k + 1);
        }
        if (found) *out += sum / (double)found;
    }
    if (s->n_classes) *out /= (double)s->n_classes;
    free(order);
    return STATUS_OK;
}
