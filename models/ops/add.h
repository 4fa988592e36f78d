/* add: y = a + scale b, elementwise; a, b, y of one shape.
 * Backward: da = dy, db = scale dy. */
#ifndef MODELS_OPS_ADD_H
#define MODELS_OPS_ADD_H

#include "models/graph.h"

struct add_options {
    float scale; /* 0 means 1 */
};

int add_call(struct graph *g, int a, int b, float scale);

#endif
