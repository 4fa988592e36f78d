/* Push constants of text_tokens_fwd and text_tokens_bwd. Read by C and GLSL. */
#ifndef SHADERS_PARAMS_TEXT_TOKENS_H
#define SHADERS_PARAMS_TEXT_TOKENS_H
#include "shaders/params/types.h"

struct text_tokens_params {
    uint batch, tokens, columns;
    uint positions; /* rows of the position table, at least tokens */
    uint accumulate;
};

#endif
