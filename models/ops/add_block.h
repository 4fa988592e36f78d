/* add_block: y = y + x, or y = x with the option `first`, in place; numbers of gradient blocks.
 *   in and out y (n), in x (n), not the same memory. No gradient.
 * Agreement: GPU and CPU the same bits; one addition per number. */
#ifndef MODELS_OPS_ADD_BLOCK_H
#define MODELS_OPS_ADD_BLOCK_H

#include "models/graph.h"

struct add_block_options {
    int32_t first; /* 1: overwrite y without reading it */
};

void add_block_update(struct graph *g, int y, int x, struct add_block_options options);

#endif
