#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/grid.glsl"
#include "shaders/params/pack_rows.h"

layout(push_constant) uniform Push { pack_rows_params p; };
layout(binding = 0) readonly buffer X { float x[]; };  /* (slices, stride) */
layout(binding = 1) writeonly buffer Y { float y[]; }; /* (n) */

void main() {
    const uint i = grid_invocation();
    if (i < p.n) y[i] = x[i / p.slice * p.stride + i % p.slice];
}
