/* adamw: one AdamW step, in place, over a run of parameters.
 *   in gradient (n), norm (2) from gradient_norm, numbers (ADAMW_NUMBERS)
 *   in and out: parameter (n), first moment m (n), second moment v (n)
 *   g = gradient factor;  w -= lr decay w (when decay is set);  m = beta1 m + (1 - beta1) g;
 *   v = beta2 v + (1 - beta2) g^2;  w -= lr (m / correction1) / (sqrt(v / correction2) + epsilon)
 *   where correction_k = 1 - beta_k^step; lr, decay, beta_k, epsilon and correction_k are numbers
 *   (shaders/params/adamw.h). Nothing is written when factor is 0.
 * Source: Loshchilov and Hutter 2019; torch.optim.AdamW. */
#ifndef MODELS_OPS_ADAMW_H
#define MODELS_OPS_ADAMW_H

#include "models/graph.h"

struct adamw_options {
    int32_t decay; /* 1: weight decay applies */
};

struct adamw_tensors {
    int gradient, norm, numbers, parameter, first, second;
};
void adamw_update(struct graph *g, struct adamw_tensors t, struct adamw_options options);

#endif
