#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/grid.glsl"
#include "shaders/params/blend.h"

layout(push_constant) uniform Push { blend_params p; };
layout(binding = 0) readonly buffer X { float x[]; };       /* (n) */
layout(binding = 1) readonly buffer Keep { float share[]; }; /* () */
layout(binding = 2) buffer State { float state[]; };        /* (n) */

void main() {
    const uint i = grid_invocation();
    if (i >= p.n) return;
    const float keep = share[0];
    precise const float next = keep * state[i] + (1.0 - keep) * x[i];
    state[i] = next;
}
