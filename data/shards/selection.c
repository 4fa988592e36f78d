#include "data/shards/selection.h"

#include <stdio.h>
#include <stdlib.h>

enum status selection_create(struct selection **out, const char *name,
                             const struct dataset *const *datasets, int n_datasets,
                             struct error *e) {
    struct selection *s = calloc(1, sizeof *s);
    const size_t n = (size_t)n_datasets;
    *out = NULL;
    if (!s) goto no_memory;
    snprintf(s->name, sizeof s->name, "%s", name);
    s->dataset = calloc(n + 1, sizeof *s->dataset);
    s->bits = calloc(n + 1, sizeof *s->bits);
    s->first = calloc(n + 1, sizeof *s->first);
    if (!s->dataset || !s->bits || !s->first) goto no_memory;
    for (int i = 0; i < n_datasets; i++) {
        s->dataset[i] = datasets[i];
        s->n_datasets++;
        s->bits[i] = calloc((size_t)dataset_counts(datasets[i]).samples / 8 + 1, 1);
        if (!s->bits[i]) goto no_memory;
    }
    *out = s;
    return STATUS_OK;
no_memory:
    selection_destroy(&s);
    return fail(e, STATUS_NO_MEMORY, "%s: no memory for a set of samples", name);
}

void selection_destroy(struct selection **selection) {
    struct selection *s = *selection;
    if (!s) return;
    for (int i = 0; i < s->n_datasets; i++) free(s->bits[i]);
    free(s->bits);
    free(s->dataset);
    free(s->first);
    free(s->sample);
    free(s);
    *selection = NULL;
}

int selection_find(const struct selection *s, const struct dataset *dataset) {
    for (int i = 0; i < s->n_datasets; i++)
        if (s->dataset[i] == dataset) return i;
    return -1;
}

bool selection_add(struct selection *s, int dataset, int64_t sample) {
    uint8_t *byte = &s->bits[dataset][sample / 8];
    const uint8_t bit = (uint8_t)(1u << sample % 8);
    const bool is_new = !(*byte & bit);
    *byte |= bit;
    s->n += is_new;
    return is_new;
}

enum status selection_seal(struct selection *s, struct error *e) {
    int64_t item = 0;
    s->sample = malloc(((size_t)s->n + 1) * sizeof *s->sample);
    if (!s->sample)
        return fail(e, STATUS_NO_MEMORY, "%s: no memory for %lld samples", s->name,
                    (long long)s->n);
    for (int d = 0; d < s->n_datasets; d++) {
        const int64_t n = dataset_counts(s->dataset[d]).samples;
        for (int64_t i = 0; i < n; i++)
            if (s->bits[d][i / 8] >> i % 8 & 1) s->sample[item++] = i;
        s->first[d + 1] = item;
        free(s->bits[d]);
        s->bits[d] = NULL;
    }
    CHECK(item == s->n);
    return STATUS_OK;
}

int selection_dataset(const struct selection *s, int64_t item) {
    CHECK(item >= 0 && item < s->n);
    int low = 0, high = s->n_datasets - 1;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (item < s->first[middle + 1])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}
