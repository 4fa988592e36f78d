/* column_sum: y[j] = sum_i weight[i] x[i][j], i rising
 *   in x (N, J), weight (N)   out y (J). No gradient. Rows of weight 0 are left out. */
#ifndef MODELS_OPS_COLUMN_SUM_H
#define MODELS_OPS_COLUMN_SUM_H

#include "models/graph.h"

struct column_sum_options {
    int32_t unused;
};

int column_sum_call(struct graph *g, int x, int weight);

#endif
