/* pack_rows: the rows of all slices as one matrix.
 *   in x (S, stride) with n_rows C numbers at the start of each line   out y (S n_rows, C)
 *   y[s n_rows + r][c] = x[s][r C + c]. Slices start at offsets aligned for every device; losses
 *   need one matrix.
 * Backward: dx likewise; the padding at the end of a line is not written. */
#ifndef MODELS_OPS_PACK_ROWS_H
#define MODELS_OPS_PACK_ROWS_H

#include "models/graph.h"

struct pack_rows_options {
    int32_t n_rows;    /* rows per slice */
    int32_t n_columns; /* C */
};

int pack_rows_call(struct graph *g, int x, struct pack_rows_options options);

#endif
