#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/grid.glsl"
#include "shaders/params/layer_scale.h"

layout(push_constant) uniform Push { layer_scale_params p; };
layout(binding = 0) readonly buffer X { float x[]; };         /* (rows, columns) */
layout(binding = 1) readonly buffer Z { float z[]; };         /* (rows, columns) */
layout(binding = 2) readonly buffer Gamma { float gamma[]; }; /* (columns) */
layout(binding = 3) writeonly buffer Y { float y[]; };        /* (rows, columns) */

void main() {
    const uint i = grid_invocation();
    if (i < p.rows * p.columns) y[i] = x[i] + gamma[i % p.columns] * z[i];
}
