/* text_tokens: x[b][t] = table[ids[b][t]] + positions[t]
 *   in ids (B, T) int32, table (V, C), positions (K, C) with K >= T   out x (B, T, C)
 *   The loader has checked that ids are in [0, V).
 * Backward: table rows sum over (b, t) in rising order, rows without an id get 0; positions sum
 *   over b, rows T..K-1 get 0 (with accumulate: nothing). */
#ifndef MODELS_OPS_TEXT_TOKENS_H
#define MODELS_OPS_TEXT_TOKENS_H

#include "models/graph.h"

struct text_tokens_options {
    int32_t unused;
};

int text_tokens_call(struct graph *g, int ids, int table, int positions);

#endif
