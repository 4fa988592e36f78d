#version 450
#extension GL_GOOGLE_include_directive : require
/* dx = (dy - y (y . dy)) inverse */
#include "shaders/common/row.glsl"
#include "shaders/params/normalize.h"

layout(push_constant) uniform Push { normalize_params p; };
layout(binding = 0) readonly buffer Y { float y[]; };             /* (rows, columns) */
layout(binding = 1) readonly buffer Inverse { float inverse[]; }; /* (rows) */
layout(binding = 2) readonly buffer Dy { float dy[]; };           /* (rows, columns) */
layout(binding = 3) buffer Dx { float dx[]; };                    /* (rows, columns) */

void main() {
    const uint row = row_number(p.lanes), lane = row_lane(p.lanes), start = row * p.columns;
    const uint end = row < p.rows ? p.columns : 0;
    float dot_product = 0.0;
    for (uint c = lane; c < end; c += p.lanes) dot_product += y[start + c] * dy[start + c];
    dot_product = row_sum(dot_product, p.lanes);
    for (uint c = lane; c < end; c += p.lanes) {
        const float d = (dy[start + c] - y[start + c] * dot_product) * inverse[row];
        dx[start + c] = p.accumulate != 0 ? dx[start + c] + d : d;
    }
}
