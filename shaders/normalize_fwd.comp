#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/row.glsl"
#include "shaders/params/normalize.h"

layout(push_constant) uniform Push { normalize_params p; };
layout(binding = 0) readonly buffer X { float x[]; };              /* (rows, columns) */
layout(binding = 1) writeonly buffer Y { float y[]; };             /* (rows, columns) */
layout(binding = 2) writeonly buffer Inverse { float inverse[]; }; /* (rows) */

void main() {
    const uint row = row_number(p.lanes), lane = row_lane(p.lanes), start = row * p.columns;
    const uint end = row < p.rows ? p.columns : 0;
    float largest = 0.0, squares = 0.0;
    for (uint c = lane; c < end; c += p.lanes) largest = max(largest, abs(x[start + c]));
    largest = max(row_max(largest, p.lanes), 1e-30); /* so that so that squares of x / largest
                                                        neither vanish nor overflow */
    for (uint c = lane; c < end; c += p.lanes) {
        const float part = x[start + c] / largest;
        squares += part * part;
    }
    const float scale = 1.0 / max(largest * sqrt(row_sum(squares, p.lanes)), 1e-12);
    for (uint c = lane; c < end; c += p.lanes) y[start + c] = x[start + c] * scale;
    if (lane == 0 && row < p.rows) inverse[row] = scale;
}
