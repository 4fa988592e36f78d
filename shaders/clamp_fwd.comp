#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/grid.glsl"
#include "shaders/common/math.glsl"
#include "shaders/params/clamp.h"

layout(push_constant) uniform Push { clamp_params p; };
layout(binding = 0) buffer X { float x[]; }; /* (n) */

void main() {
    const uint i = grid_invocation();
    if (i >= p.n) return;
    const float value = x[i];
    if (math_is_nan(value)) return;
    x[i] = value < p.low ? p.low : value > p.high ? p.high : value;
}
