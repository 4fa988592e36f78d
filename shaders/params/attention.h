/* Push constants of attention_fwd and attention_bwd: softmax of the score rows. Read by C and GLSL. */
#ifndef SHADERS_PARAMS_ATTENTION_H
#define SHADERS_PARAMS_ATTENTION_H
#include "shaders/params/types.h"

struct attention_params {
    uint rows, tokens; /* rows = B H T, each of T scores */
    uint causal;
    uint p_start, d_start; /* starts of probabilities and their gradients in scratch memory */
    float scale;           /* 1 / sqrt(D) */
    uint lanes; /* threads per row, see shaders/common/row.glsl */
};

#endif
