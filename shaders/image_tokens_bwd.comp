#version 450
#extension GL_GOOGLE_include_directive : require
/* gradients of class token and positions: sums over the batch in rising order */
#include "shaders/common/grid.glsl"
#include "shaders/params/image_tokens.h"

layout(push_constant) uniform Push { image_tokens_params p; };
layout(binding = 0) readonly buffer Dx { float dx[]; };         /* (batch, patches + 1, columns) */
layout(binding = 1) buffer DClass { float d_class[]; };         /* (columns) */
layout(binding = 2) buffer DPositions { float d_positions[]; }; /* (patches + 1, columns) */

void main() {
    const uint at = grid_invocation(), line = (p.patches + 1) * p.columns;
    if (at >= line) return;
    float sum = 0.0;
    for (uint b = 0; b < p.batch; b++) sum += dx[b * line + at];
    if ((p.flags & IMAGE_TOKENS_WANTS_CLASS) != 0 && at < p.columns)
        d_class[at] = (p.flags & IMAGE_TOKENS_ADD_CLASS) != 0 ? d_class[at] + sum : sum;
    if ((p.flags & IMAGE_TOKENS_WANTS_POSITIONS) != 0)
        d_positions[at] = (p.flags & IMAGE_TOKENS_ADD_POSITIONS) != 0 ? d_positions[at] + sum : sum;
}
