#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/grid.glsl"
#include "shaders/params/text_tokens.h"

layout(push_constant) uniform Push { text_tokens_params p; };
layout(binding = 0) readonly buffer Ids { int ids[]; };                  /* (batch, tokens) */
layout(binding = 1) readonly buffer TokenTable { float token_table[]; }; /* (V, columns) */
layout(binding = 2) readonly buffer Positions { float positions[]; };    /* (positions, columns) */
layout(binding = 3) writeonly buffer X { float x[]; };                   /* (batch, tokens, columns) */

void main() {
    const uint i = grid_invocation();
    if (i >= p.batch * p.tokens * p.columns) return;
    const uint token = i / p.columns, column = i % p.columns;
    x[i] = token_table[uint(ids[token]) * p.columns + column] +
           positions[token % p.tokens * p.columns + column];
}
