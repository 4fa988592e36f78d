#version 450
#extension GL_GOOGLE_include_directive : require
/* dz = dy gamma; dx is the kernel scale */
#include "shaders/common/grid.glsl"
#include "shaders/params/layer_scale.h"

layout(push_constant) uniform Push { layer_scale_params p; };
layout(binding = 0) readonly buffer Gamma { float gamma[]; }; /* (columns) */
layout(binding = 1) readonly buffer Dy { float dy[]; };       /* (rows, columns) */
layout(binding = 2) buffer Dz { float dz[]; };                /* (rows, columns) */

void main() {
    const uint i = grid_invocation();
    if (i >= p.rows * p.columns) return;
    const float d = dy[i] * gamma[i % p.columns];
    dz[i] = p.accumulate != 0 ? dz[i] + d : d;
}
