#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/grid.glsl"
#include "shaders/params/pack_rows.h"

layout(push_constant) uniform Push { pack_rows_params p; };
layout(binding = 0) readonly buffer Dy { float dy[]; }; /* (n) */
layout(binding = 1) buffer Dx { float dx[]; };          /* (slices, stride) */

void main() {
    const uint i = grid_invocation();
    if (i >= p.n) return;
    const uint at = i / p.slice * p.stride + i % p.slice;
    dx[at] = p.accumulate != 0 ? dx[at] + dy[i] : dy[i];
}
