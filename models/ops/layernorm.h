/* layernorm: y = (x - mean) / sqrt(variance + epsilon) * gain + bias, for each row
 *   in x (N, C), gain (C), bias (C)   out y (N, C)   saved statistics (N, 2): mean, 1 / deviation
 *   Population variance, two passes.
 * Backward: with h = (x - mean) r:  dx = r (g - mean(g) - h mean(g h)), g = dy gain;
 *   dgain = column sums of dy h;  dbias = column sums of dy.
 * Source: Ba et al. 2016. */
#ifndef MODELS_OPS_LAYERNORM_H
#define MODELS_OPS_LAYERNORM_H

#include "models/graph.h"

struct layernorm_options {
    float epsilon;
};

int layernorm_call(struct graph *g, int x, int gain, int bias, float epsilon);

#endif
