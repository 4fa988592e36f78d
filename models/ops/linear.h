/* linear: y = x W' + b + residual + scale (x A') B'
 *   in   x (N, I), W (O, I), or (I, O) with transposed; F32 or, if frozen, F16 or BF16 (products
 *        and sums stay 32-bit); b (O) optional,
 *        A (r, I) and B (O, r) optional, both or neither (LoRA), residual (N, O) optional
 *   out  y (N, O)      saved t = x A' (N, r)
 *   Leading axes of x are rows; y has the axes of x with the last replaced by O.
 * Backward: dx = dy W + scale (dy B) A;  dW = dy' x;  db = column sums of dy;
 *   dB = scale dy' t;  dA = scale (dy B)' x;  dresidual = dy. Only wanted gradients are computed:
 *   dW and db are not for frozen W and b.
 * Source: Hu et al. 2021 (LoRA), y = W x + (alpha / r) B A x. */
#ifndef MODELS_OPS_LINEAR_H
#define MODELS_OPS_LINEAR_H

#include "models/graph.h"

struct linear_options {
    int32_t transposed; /* W is (I, O), as the projections of CLIP are stored */
    float scale;        /* alpha / r of the adapter */
};
enum { LINEAR_X, LINEAR_WEIGHT, LINEAR_BIAS, LINEAR_LORA_A, LINEAR_LORA_B, LINEAR_RESIDUAL };

struct linear_inputs {
    int x, weight, bias, lora_a, lora_b, residual; /* GRAPH_NONE: absent, all but x and weight */
};
int linear_call(struct graph *g, struct linear_inputs in, struct linear_options options);
/* x W' + bias without adapters and residual; bias may be GRAPH_NONE. */
int linear_plain_call(struct graph *g, int x, int weight, int bias);

#endif
