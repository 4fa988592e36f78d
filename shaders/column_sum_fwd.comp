#version 450
#extension GL_GOOGLE_include_directive : require
/* y[j] = sum over i of weight[i] x[i][j], or y[j] += that */
#include "shaders/common/column.glsl"
#include "shaders/params/column_sum.h"

layout(push_constant) uniform Push { column_sum_params p; };
layout(binding = 0) readonly buffer X { float x[]; };           /* (rows, columns) */
layout(binding = 1) readonly buffer Weight { float weight[]; }; /* (rows) */
layout(binding = 2) buffer Y { float y[]; };                    /* (columns) */

void main() {
    const uint j = column_number();
    float sum = 0.0;
    for (uint i = column_strip(); i < p.rows && j < p.columns; i += COLUMN_STRIPS) {
        const float w = p.has_weight != 0 ? weight[i] : 1.0;
        if (w != 0.0) sum += w * x[i * p.columns + j];
    }
    sum = column_total(sum);
    if (j < p.columns && column_writes()) y[j] = p.accumulate != 0 ? y[j] + sum : sum;
}
