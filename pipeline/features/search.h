/* search: finds the rows of a feature file nearest to a query, by cosine, exactly.
 *
 * Rows are read in blocks of a fixed size; threads take blocks, and a block is one matrix product
 * with all queries, so the result does not depend on the number of threads. Rows that are not
 * finite are never found. */
#ifndef PIPELINE_FEATURES_SEARCH_H
#define PIPELINE_FEATURES_SEARCH_H

#include "pipeline/features/feature_file.h"

struct search_hit {
    int64_t row; /* -1: there are no more rows */
    float score; /* cosine, -1 to 1 */
};

/* hits (n_queries, k) out: by falling score, then by rising row.
 * queries (n_queries, width): rows of length 1. n_threads 0: all processors. NO_MEMORY. */
enum status search_features(struct search_hit *hits, const struct feature_file *f,
                            const float *queries, int64_t n_queries, int k, int n_threads,
                            struct error *e);

#endif
