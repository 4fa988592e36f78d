#version 450
#extension GL_GOOGLE_include_directive : require
/* sums[write_at + i] = the sum of block i of x, or of its squares, in rising order */
#include "shaders/common/grid.glsl"
#include "shaders/params/gradient_norm.h"

layout(push_constant) uniform Push { gradient_norm_params p; };
layout(binding = 0) readonly buffer X { float x[]; }; /* (read_at + n) */
layout(binding = 1) buffer Sums { float sums[]; };    /* scratch, may hold x */

void main() {
    const uint block = grid_invocation(), begin = block * GRADIENT_NORM_BLOCK;
    if (begin >= p.n) return;
    const uint end = min(begin + GRADIENT_NORM_BLOCK, p.n);
    precise float sum = 0.0;
    if (p.squares != 0) {
        for (uint i = begin; i < end; i++) sum += x[p.read_at + i] * x[p.read_at + i];
    } else {
        for (uint i = begin; i < end; i++) sum += x[p.read_at + i];
    }
    sums[p.write_at + block] = sum;
}
