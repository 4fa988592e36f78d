#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/activation.glsl"
#include "shaders/common/grid.glsl"
#include "shaders/params/activation.h"

layout(push_constant) uniform Push { activation_params p; };
layout(binding = 0) readonly buffer X { float x[]; };  /* (n) */
layout(binding = 1) writeonly buffer Y { float y[]; }; /* (n) */

void main() {
    const uint i = grid_invocation();
    if (i >= p.n) return;
    y[i] = activation(p.kind, x[i]);
}
