#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/grid.glsl"
#include "shaders/params/pull.h"

layout(push_constant) uniform Push { pull_params p; };
layout(binding = 0) readonly buffer W { float w[]; };           /* (n) */
layout(binding = 1) readonly buffer Factor { float factor[]; }; /* () */
layout(binding = 2) readonly buffer Anchor { float anchor[]; }; /* (n) */
layout(binding = 3) buffer G { float g[]; };                    /* (n) */

void main() {
    const uint i = grid_invocation();
    if (i >= p.n) return;
    precise const float away = p.has_anchor != 0 ? w[i] - anchor[i] : w[i];
    precise const float next = g[i] + factor[0] * away;
    g[i] = next;
}
