/* patchify: cuts pictures into patches and normalises them.
 *   in pixels (B, S, S, 3) bytes   out rows (B, P, 3 p p) with P = (S / p)^2 patches of side p,
 *   patches and pixels in reading order, channel-major inside a row as a convolution weight
 *   (O, 3, p, p) is stored:  y = (pixel / 255 - mean[channel]) / deviation[channel].
 * No gradient. */
#ifndef MODELS_OPS_PATCHIFY_H
#define MODELS_OPS_PATCHIFY_H

#include "models/graph.h"

struct patchify_options {
    int32_t patch;
    float mean[3], deviation[3];
};

int patchify_call(struct graph *g, int pixels, struct patchify_options options);

#endif
