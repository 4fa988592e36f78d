#version 450
#extension GL_GOOGLE_include_directive : require
/* y += x, or y = x: gradients of slices */
#include "shaders/common/grid.glsl"
#include "shaders/params/add_block.h"

layout(push_constant) uniform Push { add_block_params p; };
layout(binding = 0) readonly buffer X { float x[]; }; /* (n) */
layout(binding = 1) buffer Y { float y[]; };          /* (n) */

void main() {
    const uint i = grid_invocation();
    if (i >= p.n) return;
    y[i] = p.first != 0 ? x[i] : y[i] + x[i];
}
