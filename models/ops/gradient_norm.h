/* gradient_norm: the global norm of the gradients and the factor that clips it.
 *   in gradients (n), step (STEP_COUNT, shaders/params/step.h)
 *   out result (2): norm = sqrt(sum g^2), factor = min(1, clip / (norm + 1e-6)), or 1 with clip 0;
 *   factor 0 when the norm is not finite: adamw then leaves everything as it was.
 *   Summed in blocks of 1024 in rising order, blocks in rising order, on every backend.
 * Source: torch.nn.utils.clip_grad_norm_. */
#ifndef MODELS_OPS_GRADIENT_NORM_H
#define MODELS_OPS_GRADIENT_NORM_H

#include "models/graph.h"

struct gradient_norm_options {
    int32_t unused;
};

void gradient_norm_update(struct graph *g, int gradients, int step, int result);

#endif
