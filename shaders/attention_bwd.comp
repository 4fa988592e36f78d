#version 450
#extension GL_GOOGLE_include_directive : require
/* turns scores into P = exp(score - lse), and dP into dS = P (dP - sum(P dP)) scale, in place */
#include "shaders/common/row.glsl"
#include "shaders/common/math.glsl"
#include "shaders/params/attention.h"

layout(push_constant) uniform Push { attention_params p; };
layout(binding = 0) buffer Scratch { float scratch[]; };  /* scores and dP, (rows, tokens) each */
layout(binding = 1) readonly buffer Lse { float lse[]; }; /* (rows) */

void main() {
    const uint row = row_number(p.lanes), lane = row_lane(p.lanes);
    const uint start = p.p_start + row * p.tokens, d_start = p.d_start + row * p.tokens;
    const uint seen = row >= p.rows ? 0 : p.causal != 0 ? row % p.tokens + 1 : p.tokens;
    const uint end = row >= p.rows ? 0 : p.tokens;
    const float row_lse = row < p.rows ? lse[row] : 0.0;
    float sum = 0.0;
    for (uint i = lane; i < end; i += p.lanes) {
        const float probability = i < seen ? math_exp(scratch[start + i] - row_lse) : 0.0;
        scratch[start + i] = probability;
        sum += probability * scratch[d_start + i];
    }
    sum = row_sum(sum, p.lanes);
    for (uint i = lane; i < end; i += p.lanes)
        scratch[d_start + i] = scratch[start + i] * (scratch[d_start + i] - sum) * p.scale;
}
