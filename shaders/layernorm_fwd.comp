#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/row.glsl"
#include "shaders/params/layernorm.h"

layout(push_constant) uniform Push { layernorm_params p; };
layout(binding = 0) readonly buffer X { float x[]; };                    /* (rows, columns) */
layout(binding = 1) readonly buffer Gain { float gain[]; };              /* (columns) */
layout(binding = 2) readonly buffer Bias { float bias[]; };              /* (columns) */
layout(binding = 3) writeonly buffer Y { float y[]; };                   /* (rows, columns) */
layout(binding = 4) writeonly buffer Statistics { float statistics[]; }; /* (rows, 2): mean, 1 / deviation */

void main() {
    const uint row = row_number(p.lanes), lane = row_lane(p.lanes), start = row * p.columns;
    const uint end = row < p.rows ? p.columns : 0;
    float sum = 0.0, squares = 0.0;
    for (uint c = lane; c < end; c += p.lanes) sum += x[start + c];
    const float mean = row_sum(sum, p.lanes) / float(p.columns);
    for (uint c = lane; c < end; c += p.lanes) {
        const float d = x[start + c] - mean;
        squares += d * d;
    }
    const float r = 1.0 / sqrt(row_sum(squares, p.lanes) / float(p.columns) + p.epsilon);
    for (uint c = lane; c < end; c += p.lanes)
        y[start + c] = (x[start + c] - mean) * r * gain[c] + bias[c];
    if (lane == 0 && row < p.rows) {
        statistics[2 * row] = mean;
        statistics[2 * row + 1] = r;
    }
}
