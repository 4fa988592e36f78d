#version 450
#extension GL_GOOGLE_include_directive : require
/* y = scale x, or y += scale x: gradients of sums */
#include "shaders/common/grid.glsl"
#include "shaders/params/scale.h"

layout(push_constant) uniform Push { scale_params p; };
layout(binding = 0) readonly buffer X { float x[]; }; /* (n) */
layout(binding = 1) buffer Y { float y[]; };          /* (n) */

void main() {
    const uint i = grid_invocation();
    if (i >= p.n) return;
    const float d = p.scale * x[i];
    y[i] = p.accumulate != 0 ? y[i] + d : d;
}
