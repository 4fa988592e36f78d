/* contrastive_loss: the symmetric CLIP loss.
 *   in u (N, E) and v (N, E) of length 1, logit_scale () = ln s, caption_id (N) int32,
 *      usable (N) float 1 or 0      out loss ()      saved row_lse (N), column_lse (N)
 *   S = s u v'. Rows and columns of unusable samples are left out; n = number of usable samples.
 *   Targets: q[i][j] = 1 / count where caption_id[i] == caption_id[j], among usable samples;
 *   without duplicates the identity.
 *   loss = 1/(2n) (sum_i CE(softmax(S[i][:]), q[i][:]) + sum_j CE(softmax(S[:][j]), q[:][j]));
 *   0 with no usable sample. u and v must be finite, those of unusable samples too.
 * Backward, with dloss (): E = dloss (P_rows + P_columns - 2 q) / (2 n);
 *   du = s E v;  dv = s E' u;  dlogit_scale = sum E S. Rows of unusable samples get 0.
 * Source: Radford et al. 2021; open_clip loss.py (ClipLoss). Shared targets for equal captions:
 * ours.
 * Scores are computed 256 rows at a time (similarity_tiles.h), so no matrix is (N, N). */
#ifndef MODELS_OPS_CONTRASTIVE_LOSS_H
#define MODELS_OPS_CONTRASTIVE_LOSS_H

#include "models/graph.h"

struct contrastive_loss_options {
    int32_t unused;
};

struct contrastive_loss_inputs {
    int u, v, logit_scale, caption_id, usable;
};
int contrastive_loss_call(struct graph *g, struct contrastive_loss_inputs in);

#endif
