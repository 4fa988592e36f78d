#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/grid.glsl"
#include "shaders/params/blend.h"

layout(push_constant) uniform Push { blend_params p; };
layout(binding = 0) readonly buffer X { float x[]; };                      /* (n) */
layout(binding = 1) readonly buffer StepNumbers { float step_numbers[]; }; /* (STEP_COUNT) */
layout(binding = 2) buffer State { float state[]; };                       /* (n) */

void main() {
    const uint i = grid_invocation();
    if (i >= p.n) return;
    const float keep = step_numbers[p.keep_index];
    precise const float next = keep * state[i] + (1.0 - keep) * x[i];
    state[i] = next;
}
