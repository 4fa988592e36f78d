#version 450
#extension GL_GOOGLE_include_directive : require
/* The loss term of each row: the sum of max(z, 0) - z y + log(1 + exp(-|z|)), divided by the number
 * of usable samples. */
#include "shaders/common/math.glsl"
#include "shaders/common/row.glsl"
#include "shaders/params/sigmoid_loss.h"

layout(push_constant) uniform Push { sigmoid_loss_params p; };
layout(binding = 0) buffer Scratch { float scratch[]; };                 /* similarities (rows, n), then terms */
layout(binding = 1) readonly buffer LogitScale { float logit_scale[]; }; /* () */
layout(binding = 2) readonly buffer LogitBias { float logit_bias[]; };   /* () */
layout(binding = 3) readonly buffer CaptionId { int caption_id[]; };     /* (n) */
layout(binding = 4) readonly buffer Usable { float usable[]; };          /* (n) */

void main() {
    const uint row = row_number(p.lanes), lane = row_lane(p.lanes), i = p.first + row;
    const bool is_used = row < p.rows && usable[min(i, p.n - 1)] != 0.0;
    const float scale = math_exp(logit_scale[0]), bias = logit_bias[0];
    float n_usable = 0.0, sum = 0.0;
    for (uint j = lane; j < p.n; j += p.lanes) {
        if (usable[j] == 0.0) continue;
        n_usable += 1.0;
        if (!is_used) continue;
        const float z = scale * scratch[row * p.n + j] + bias;
        sum += max(z, 0.0) + math_log1p(math_exp(-abs(z)));
        if (caption_id[i] == caption_id[j]) sum -= z;
    }
    const vec3 sums = row_sum3(vec3(sum, n_usable, 0.0), p.lanes);
    if (lane == 0 && row < p.rows) scratch[p.terms + i] = is_used ? sums.x / sums.y : 0.0;
}
