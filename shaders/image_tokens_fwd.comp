#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/grid.glsl"
#include "shaders/params/image_tokens.h"

layout(push_constant) uniform Push { image_tokens_params p; };
layout(binding = 0) readonly buffer Patches { float patches[]; };        /* (batch, patches, columns) */
layout(binding = 1) readonly buffer ClassToken { float class_token[]; }; /* (columns) */
layout(binding = 2) readonly buffer Positions { float positions[]; };    /* (patches + 1, columns) */
layout(binding = 3) writeonly buffer X { float x[]; };                   /* (batch, patches + 1, columns) */

void main() {
    const uint i = grid_invocation(), line = (p.patches + 1) * p.columns;
    if (i >= p.batch * line) return;
    const uint b = i / line, at = i % line;
    const float token = at < p.columns ? class_token[at]
                                       : patches[b * p.patches * p.columns + at - p.columns];
    x[i] = token + positions[at];
}
