/* gather_rows: y[r] = x[index[r]]
 *   in x (..., C) read as N rows, index (R) int32 in [0, N)   out y (R, C)
 * Backward: dx[n] = sum of dy[r] over index[r] == n in rising r; rows without an index get 0. */
#ifndef MODELS_OPS_GATHER_ROWS_H
#define MODELS_OPS_GATHER_ROWS_H

#include "models/graph.h"

struct gather_rows_options {
    int32_t unused;
};

int gather_rows_call(struct graph *g, int x, int index);

#endif
