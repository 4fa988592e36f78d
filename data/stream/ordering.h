/* ordering: a stream of concepts in the format of FoMo-in-Flux: a JSON list of texts
 * "source+++class", each once, cut into contiguous chunks, one per stage. Entry i of N is in chunk
 * k of T (from 1) when (k - 1) N / T <= i < k N / T, rounded down, so sizes differ by at most one.
 * A stage draws the samples of its chunk's classes, all of them in every epoch.
 *
 * Source: the stream files of FoMo-in-Flux. */
#ifndef DATA_STREAM_ORDERING_H
#define DATA_STREAM_ORDERING_H

#include <stdint.h>

#include "data/shards/selection.h"
#include "pipeline/base/status.h"

struct ordering;

/* Reads the list and the class (dataset_class) of every sample of these datasets, which the caller
 * keeps open. Samples of classes outside the list belong to no chunk; a warning counts them.
 * Errors: BAD_ARG (an entry without +++, given twice, of an unknown source or without a sample);
 * those of json_read and dataset_class, except BAD_DATA, which leaves the sample out. */
enum status ordering_open(struct ordering **out, const char *path,
                          const struct dataset *const *datasets, int n_datasets, struct error *e);
void ordering_close(struct ordering **o);

/* Hash of the list's bytes, which decide the order of samples. Errors: those of file_read_all. */
enum status ordering_digest(uint64_t *digest, const char *path, struct error *e);

/* The samples of a chunk (1..n_chunks, counted from the end of the list if reversed), as a sealed
 * set that is not empty. BAD_ARG when there are more chunks than entries. */
enum status ordering_chunk(struct selection **out, const struct ordering *o, int chunk,
                           int n_chunks, bool reversed, struct error *e);

#endif
