#version 450
#extension GL_GOOGLE_include_directive : require
/* dgain and dbias: column sums of dy h and of dy */
#include "shaders/common/column.glsl"
#include "shaders/params/layernorm.h"

layout(push_constant) uniform Push { layernorm_params p; };
layout(binding = 0) readonly buffer X { float x[]; };                   /* (rows, columns), absent without dgain */
layout(binding = 1) readonly buffer Statistics { float statistics[]; }; /* (rows, 2), absent without dgain */
layout(binding = 2) readonly buffer Dy { float dy[]; };                 /* (rows, columns) */
layout(binding = 3) buffer Dgain { float dgain[]; };                    /* (columns) */
layout(binding = 4) buffer Dbias { float dbias[]; };                    /* (columns) */

void main() {
    const uint c = column_number();
    const bool wants_gain = (p.flags & LAYERNORM_WANTS_GAIN) != 0;
    const bool wants_bias = (p.flags & LAYERNORM_WANTS_BIAS) != 0;
    float sum_gain = 0.0, sum_bias = 0.0;
    for (uint row = column_strip(); row < p.rows && c < p.columns; row += COLUMN_STRIPS) {
        const uint i = row * p.columns + c;
        sum_bias += dy[i];
        if (wants_gain) sum_gain += dy[i] * ((x[i] - statistics[2 * row]) * statistics[2 * row + 1]);
    }
    sum_gain = column_total(sum_gain);
    sum_bias = column_total(sum_bias);
    if (c >= p.columns || !column_writes()) return;
    if (wants_gain) dgain[c] = (p.flags & LAYERNORM_ADD_GAIN) != 0 ? dgain[c] + sum_gain : sum_gain;
    if (wants_bias) dbias[c] = (p.flags & LAYERNORM_ADD_BIAS) != 0 ? dbias[c] + sum_bias : sum_bias;
}
