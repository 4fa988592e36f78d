#version 450
#extension GL_GOOGLE_include_directive : require
/* y = value */
#include "shaders/common/grid.glsl"
#include "shaders/params/fill.h"

layout(push_constant) uniform Push { fill_params p; };
layout(binding = 0) writeonly buffer Y { float y[]; }; /* (n) */

void main() {
    const uint i = grid_invocation();
    if (i < p.n) y[i] = p.value;
}
