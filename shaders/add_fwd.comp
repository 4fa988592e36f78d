#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/grid.glsl"
#include "shaders/params/add.h"

layout(push_constant) uniform Push { add_params p; };
layout(binding = 0) readonly buffer A { float a[]; };  /* (n) */
layout(binding = 1) readonly buffer B { float b[]; };  /* (n) */
layout(binding = 2) writeonly buffer Y { float y[]; }; /* (n) */

void main() {
    const uint i = grid_invocation();
    if (i < p.n) y[i] = a[i] + p.scale * b[i];
}
