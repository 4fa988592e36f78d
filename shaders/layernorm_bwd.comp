#version 450
#extension GL_GOOGLE_include_directive : require
/* dx = r (g - mean(g) - h mean(g h)) with g = dy gain, h = (x - mean) r. The three terms cancel
 * where g is nearly linear in h (always with one or two columns). g and h are `precise`, so that
 * they have the same bits here and in the means. */
#include "shaders/common/row.glsl"
#include "shaders/params/layernorm.h"

layout(push_constant) uniform Push { layernorm_params p; };
layout(binding = 0) readonly buffer X { float x[]; };                   /* (rows, columns) */
layout(binding = 1) readonly buffer Gain { float gain[]; };             /* (columns) */
layout(binding = 2) readonly buffer Statistics { float statistics[]; }; /* (rows, 2): mean, 1 / deviation */
layout(binding = 3) readonly buffer Dy { float dy[]; };                 /* (rows, columns) */
layout(binding = 4) buffer Dx { float dx[]; };                          /* (rows, columns) */

void main() {
    const uint row = row_number(p.lanes), lane = row_lane(p.lanes), start = row * p.columns;
    const uint end = row < p.rows ? p.columns : 0;
    const float mean = row < p.rows ? statistics[2 * row] : 0.0;
    const float r = row < p.rows ? statistics[2 * row + 1] : 0.0;
    float sum_g = 0.0, sum_gh = 0.0;
    for (uint c = lane; c < end; c += p.lanes) {
        precise const float g = dy[start + c] * gain[c];
        sum_g += g;
        precise const float gh = g * ((x[start + c] - mean) * r);
        sum_gh += gh;
    }
    const vec3 means = row_sum3(vec3(sum_g, sum_gh, 0.0), p.lanes) / float(p.columns);
    const float mean_g = means.x, mean_gh = means.y;
    for (uint c = lane; c < end; c += p.lanes) {
        const float h = (x[start + c] - mean) * r;
        precise const float d = r * (dy[start + c] * gain[c] - mean_g - h * mean_gh);
        dx[start + c] = (p.flags & LAYERNORM_ADD_X) != 0 ? dx[start + c] + d : d;
    }
}
