/* pull: g = g + factor (w - anchor), in place: adds the gradient of a quadratic penalty
 *   in and out g (n); in w (n), factor (), anchor (n) or absent, which stands for zeros. factor is
 *   a live number. No gradient.
 * Agreement: GPU and CPU the same bits; three roundings per number. */
#ifndef MODELS_OPS_PULL_H
#define MODELS_OPS_PULL_H

#include "models/graph.h"

/* anchor: GRAPH_NONE for zeros */
void pull_update(struct graph *g, int gradient, int w, int factor, int anchor);

#endif
