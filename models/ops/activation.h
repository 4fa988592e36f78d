/* activation: y = f(x), elementwise
 *   ACTIVATION_QUICK_GELU  x sigmoid(1.702 x), used by OpenAI's CLIP
 *   ACTIVATION_GELU        x (1 + erf(x / sqrt 2)) / 2
 *   ACTIVATION_GELU_TANH   x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3), which is
 *                          x (1 + tanh u) / 2: SigLIP
 *   ACTIVATION_RELU        max(x, 0); its derivative at 0 is 0
 *   in x, out y, same shape. Backward reads x: dx = dy f'(x).
 * Source: Hendrycks and Gimpel 2016, section 2. */
#ifndef MODELS_OPS_ACTIVATION_H
#define MODELS_OPS_ACTIVATION_H

#include "models/graph.h"

enum activation_kind {
    ACTIVATION_QUICK_GELU,
    ACTIVATION_GELU,
    ACTIVATION_GELU_TANH,
    ACTIVATION_RELU,
};
struct activation_options {
    int32_t kind; /* enum activation_kind */
};

int activation_call(struct graph *g, int x, enum activation_kind kind);
/* "quick_gelu", ... */
const char *activation_word(enum activation_kind kind);

#endif
