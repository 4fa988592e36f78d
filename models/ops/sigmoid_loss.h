/* sigmoid_loss: the pairwise sigmoid loss of SigLIP
 *   in u (N, E) and v (N, E) of length 1, logit_scale () = ln s, logit_bias () = b,
 *      caption_id (N) int32, usable (N) float 1 or 0      out loss ()
 *   z = s u v' + b.  y[i][j] = 1 where caption_id[i] == caption_id[j], else 0: without duplicates
 *   the identity. Rows and columns of unusable samples are left out; n = number of usable samples.
 *   loss = 1/n sum_ij (max(z, 0) - z y + log(1 + exp(-|z|))), which is -log sigmoid(z) for y = 1
 *   and -log sigmoid(-z) for y = 0; 0 with no usable sample. u and v must be finite.
 * Backward, with dloss (): E = dloss (sigmoid(z) - y) / n;
 *   du = s E v;  dv = s E' u;  dlogit_scale = sum E (z - b);  dlogit_bias = sum E.
 * Source: Zhai et al. 2023; open_clip loss.py (SigLipLoss). Shared targets for equal captions:
 * ours.
 * Scores are computed 256 rows at a time (similarity_tiles.h), so no matrix is (N, N). */
#ifndef MODELS_OPS_SIGMOID_LOSS_H
#define MODELS_OPS_SIGMOID_LOSS_H

#include "models/graph.h"

struct sigmoid_loss_options {
    int32_t unused;
};

struct sigmoid_loss_inputs {
    int u, v, logit_scale, logit_bias, caption_id, usable;
};
int sigmoid_loss_call(struct graph *g, struct sigmoid_loss_inputs in);

#endif
