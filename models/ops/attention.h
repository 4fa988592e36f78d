/* attention: multi-head softmax attention over packed projections.
 *   in qkv (B, T, 3 C), rows q, k, v, each H heads of size D = C / H   out y (B, T, C)
 *   saved lse (B, H, T): log of the sum of exponentials of each score row
 *   P = softmax(q k' / sqrt(D)), y = P v, per sample and head; causal: token t sees tokens <= t.
 * Backward: P is recomputed from lse; d = row sums of dy y;
 *   dv = P' dy;  dS = P (dy v' - d) / sqrt(D);  dq = dS k;  dk = dS' q.
 * Source: Vaswani et al. 2017; Dao 2023 for the backward with lse. */
#ifndef MODELS_OPS_ATTENTION_H
#define MODELS_OPS_ATTENTION_H

#include "models/graph.h"

struct attention_options {
    int32_t heads;
    int32_t causal;
};

int attention_call(struct graph *g, int qkv, struct attention_options options);

#endif
