/* selection: a set of samples from several datasets, which a stream uses as one source. */
#ifndef DATA_SHARDS_SELECTION_H
#define DATA_SHARDS_SELECTION_H

#include <stdint.h>

#include "data/shards/dataset.h"
#include "pipeline/base/status.h"

/* Items are in the order of the datasets and, within one, of its samples. */
struct selection {
    char name[64]; /* name as a source */
    int n_datasets;
    const struct dataset **dataset; /* the caller's, open as long as the selection */
    uint8_t **bits;                 /* (n_datasets) a bit per sample, 1: in the set */
    int64_t *first;                 /* (n_datasets + 1) items before each dataset's */
    int64_t *sample;                /* (n) after selection_seal */
    int64_t n;
};

/* An empty set over these datasets, each there once. */
enum status selection_create(struct selection **out, const char *name,
                             const struct dataset *const *datasets, int n_datasets,
                             struct error *e);
void selection_destroy(struct selection **s);
/* Index of a dataset in the selection, or -1. */
int selection_find(const struct selection *s, const struct dataset *dataset);
/* Before selection_seal: adds a sample; false if it was already in the set. */
bool selection_add(struct selection *s, int dataset, int64_t sample);
/* Builds the list of items; nothing can be added afterwards. n is 0 for an empty set. */
enum status selection_seal(struct selection *s, struct error *e);

/* Index of the dataset of an item. */
int selection_dataset(const struct selection *s, int64_t item);

#endif
