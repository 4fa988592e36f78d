/* attention_pool: softmax attention of one learnt token over each sequence of a batch; packed
 * projections as in attention.
 *   in latent (3 C): only q is read; qkv (B, T, 3 C): only k and v are read; each H heads of
 *   size D = C / H   out y (B, C)
 *   saved lse (H, B): log of the sum of exponentials of each score row
 *   p = softmax(q k' / sqrt(D)), y = p v, per sample and head. A T of 1 gives y = v.
 * Backward: p is recomputed from lse; d = sum of dy y;
 *   dv = p' dy;  ds = p (dy v' - d) / sqrt(D);  dk = ds' q;  dq = sum of ds k over samples and
 *   tokens in rising order. Parts that are not read get 0.
 * Source: Zhai et al. 2022 (Scaling Vision Transformers), the MAP head; SigLIP. */
#ifndef MODELS_OPS_ATTENTION_POOL_H
#define MODELS_OPS_ATTENTION_POOL_H

#include "models/graph.h"

struct attention_pool_options {
    int32_t heads;
};

int attention_pool_call(struct graph *g, int latent, int qkv, int heads);

#endif
