/* gradient_norm: the global norm of the gradients and the factor that clips it.
 *   in gradients (n), clip ()
 *   out result (2): norm = sqrt(sum g^2), factor = min(1, clip / (norm + 1e-6)), or 1 with clip 0;
 *   factor 0 when the norm is not finite: adamw then changes nothing.
 *   Every backend sums blocks of 1024 numbers in rising order, then the block sums in blocks of
 *   1024, and so on until one number is left. The order is fixed, and exact enough for 10^9
 *   numbers.
 * Agreement with a sum in double precision: 6e-5 of the norm (1023 roundings at each of two
 * levels, all to one side), with random numbers 1e-6.
 * Source: torch.nn.utils.clip_grad_norm_. */
#ifndef MODELS_OPS_GRADIENT_NORM_H
#define MODELS_OPS_GRADIENT_NORM_H

#include "models/graph.h"

struct gradient_norm_options {
    int32_t unused;
};

void gradient_norm_update(struct graph *g, int gradients, int clip, int result);

#endif
