#version 450
#extension GL_GOOGLE_include_directive : require
/* softmax of each row of scores, in place, and its lse; masked keys get 0 */
#include "shaders/common/row.glsl"
#include "shaders/common/math.glsl"
#include "shaders/params/attention.h"

layout(push_constant) uniform Push { attention_params p; };
layout(binding = 0) buffer Scores { float scores[]; };     /* (rows, tokens) */
layout(binding = 1) writeonly buffer Lse { float lse[]; }; /* (rows) */

void main() {
    const uint row = row_number(p.lanes), lane = row_lane(p.lanes), start = p.p_start + row * p.tokens;
    const uint seen = row >= p.rows ? 0 : p.causal != 0 ? row % p.tokens + 1 : p.tokens;
    const uint end = row >= p.rows ? 0 : p.tokens;
    float largest = -3.4e38, sum = 0.0;
    for (uint i = lane; i < seen; i += p.lanes) largest = max(largest, scores[start + i]);
    largest = row_max(largest, p.lanes);
    for (uint i = lane; i < seen; i += p.lanes) sum += math_exp(scores[start + i] - largest);
    sum = row_sum(sum, p.lanes);
    for (uint i = lane; i < end; i += p.lanes)
        scores[start + i] = i < seen ? math_exp(scores[start + i] - largest) / sum : 0.0;
    if (lane == 0 && row < p.rows) lse[row] = largest + math_log(sum);
}
