#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/activation.glsl"
#include "shaders/common/grid.glsl"
#include "shaders/params/activation.h"

layout(push_constant) uniform Push { activation_params p; };
layout(binding = 0) readonly buffer X { float x[]; };   /* (n) */
layout(binding = 1) readonly buffer Dy { float dy[]; }; /* (n) */
layout(binding = 2) buffer Dx { float dx[]; };          /* (n) */

void main() {
    const uint i = grid_invocation();
    if (i >= p.n) return;
    const float d = dy[i] * activation_slope(p.kind, x[i]);
    dx[i] = p.accumulate != 0 ? dx[i] + d : d;
}
