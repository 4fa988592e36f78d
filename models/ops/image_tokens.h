/* image_tokens: the sequence an image tower reads.
 *   in patches (B, P, C), class_token (C), positions (P + 1, C)
 *   out x (B, P + 1, C): x[b][0] = class_token + positions[0], x[b][1 + i] = patches[b][i] +
 *   positions[1 + i].
 * Backward: sums over b in rising order for class_token and positions. */
#ifndef MODELS_OPS_IMAGE_TOKENS_H
#define MODELS_OPS_IMAGE_TOKENS_H

#include "models/graph.h"

struct image_tokens_options {
    int32_t unused;
};

int image_tokens_call(struct graph *g, int patches, int class_token, int positions);

#endif
