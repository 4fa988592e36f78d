/* selection: a set of samples of several datasets, which a stream draws from as from one source. */
#ifndef DATA_SHARDS_SELECTION_H
#define DATA_SHARDS_SELECTION_H

#include <stdint.h>

#include "data/shards/dataset.h"
#include "pipeline/base/status.h"

/* Items are in the order of the datasets and, within one, of its samples. */
struct selection {
    char name[64]; /* of the source that it makes */
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
/* Number of a dataset; -1 when it is none of them. */
int selection_find(const struct selection *s, const struct dataset *dataset);
/* Before selection_seal: puts a sample into the set; false when it was there. */
bool selection_add(struct selection *s, int dataset, int64_t sample);
/* Makes the list of the items. A set that is empty then stays so: n is 0. */
enum status selection_seal(struct selection *s, struct error *e);

/* Number of the dataset of an item. */
int selection_dataset(const struct selection *s, int64_t item);

#endif
