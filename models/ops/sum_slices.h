/* sum_slices: y[i] = x[0][i] + x[1][i] + ..., slices in rising order
 *   in x (S, n)   out y (n). No gradient. */
#ifndef MODELS_OPS_SUM_SLICES_H
#define MODELS_OPS_SUM_SLICES_H

#include "models/graph.h"

struct sum_slices_options {
    int32_t unused;
};

void sum_slices_update(struct graph *g, int x, int y);

#endif
