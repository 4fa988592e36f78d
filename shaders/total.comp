#version 450
#extension GL_GOOGLE_include_directive : require
/* y = scale (x[start] + ... + x[start + n - 1]), or y += that; one group */
#include "shaders/common/reduce.glsl"
#include "shaders/params/total.h"

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(push_constant) uniform Push { total_params p; };
layout(binding = 0) readonly buffer X { float x[]; };
layout(binding = 1) buffer Y { float y[]; };          /* () */

void main() {
    float sum = 0.0;
    for (uint i = gl_LocalInvocationIndex; i < p.n; i += 256) sum += x[p.start + i];
    sum = p.scale * reduce_sum(sum, 16);
    if (gl_LocalInvocationIndex == 0) y[0] = p.accumulate != 0 ? y[0] + sum : sum;
}
