/* image_tokens: the sequence an image tower reads: class token, registers, patches, with positions.
 *   in patches (B, P, C), class_token (C) optional, positions (k + P, C),
 *      registers (R, C) optional; k is 1 with a class token and 0 without
 *   out x (B, k + R + P, C): x[b][0] = class_token + positions[0], x[b][k + r] = registers[r],
 *   x[b][k + R + i] = patches[b][i] + positions[k + i].
 * Backward: sums over b in rising order for class_token, positions and registers.
 * Source: Dosovitskiy et al. 2021; registers: Darcet et al. 2024, which have no positions. */
#ifndef MODELS_OPS_IMAGE_TOKENS_H
#define MODELS_OPS_IMAGE_TOKENS_H

#include "models/graph.h"

struct image_tokens_options {
    int32_t unused;
};

struct image_tokens_inputs {
    int patches, class_token, positions, registers; /* GRAPH_NONE: no class token, no registers */
};
int image_tokens_call(struct graph *g, struct image_tokens_inputs in);

#endif
