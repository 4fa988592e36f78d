#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/grid.glsl"
#include "shaders/params/gather_rows.h"

layout(push_constant) uniform Push { gather_rows_params p; };
layout(binding = 0) readonly buffer X { float x[]; };       /* (N, columns) */
layout(binding = 1) readonly buffer Index { int index[]; }; /* (rows) */
layout(binding = 2) writeonly buffer Y { float y[]; };      /* (rows, columns) */

void main() {
    const uint i = grid_invocation();
    if (i >= p.rows * p.columns) return;
    y[i] = x[uint(index[i / p.columns]) * p.columns + i % p.columns];
}
