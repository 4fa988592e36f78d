#version 450
#extension GL_GOOGLE_include_directive : require
/* gradient of the positions: sums over the batch in rising order */
#include "shaders/common/grid.glsl"
#include "shaders/params/text_tokens.h"

layout(push_constant) uniform Push { text_tokens_params p; };
layout(binding = 0) readonly buffer Dx { float dx[]; };         /* (batch, tokens, columns) */
layout(binding = 1) buffer DPositions { float d_positions[]; }; /* (positions, columns) */

void main() {
    const uint at = grid_invocation(), line = p.tokens * p.columns;
    if (at >= p.positions * p.columns) return;
    float sum = 0.0;
    for (uint b = 0; b < p.batch && at < line; b++) sum += dx[b * line + at];
    d_positions[at] = p.accumulate != 0 ? d_positions[at] + sum : sum;
}
