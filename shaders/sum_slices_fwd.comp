#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/grid.glsl"
#include "shaders/params/sum_slices.h"

layout(push_constant) uniform Push { sum_slices_params p; };
layout(binding = 0) readonly buffer X { float x[]; };  /* (n_slices, n) */
layout(binding = 1) writeonly buffer Y { float y[]; }; /* (n) */

void main() {
    const uint i = grid_invocation();
    if (i >= p.n) return;
    float sum = x[i];
    for (uint s = 1; s < p.n_slices; s++) sum += x[s * p.n + i];
    y[i] = sum;
}
