#version 450
#extension GL_GOOGLE_include_directive : require
/* Cross-entropy of each row, or column, of similarities: writes lse and the loss term (lse - mean
 * target score) / (2 usable samples). */
#include "shaders/common/math.glsl"
#include "shaders/common/row.glsl"
#include "shaders/params/contrastive_loss.h"

layout(push_constant) uniform Push { contrastive_loss_params p; };
layout(binding = 0) buffer Scratch { float scratch[]; };                 /* similarities (rows, n), then terms */
layout(binding = 1) readonly buffer LogitScale { float logit_scale[]; }; /* () */
layout(binding = 2) readonly buffer CaptionId { int caption_id[]; };     /* (n) */
layout(binding = 3) readonly buffer Usable { float usable[]; };          /* (n) */
layout(binding = 4) writeonly buffer Lse { float lse[]; };               /* (n) */

void main() {
    const uint row = row_number(p.lanes), lane = row_lane(p.lanes), i = p.first + row;
    const bool is_used = row < p.rows && usable[min(i, p.n - 1)] != 0.0;
    const float scale = math_exp(logit_scale[0]);
    float largest = -3.4e38, n_usable = 0.0, n_targets = 0.0;
    for (uint j = lane; j < p.n; j += p.lanes) {
        if (usable[j] == 0.0) continue;
        n_usable += 1.0;
        if (!is_used) continue;
        largest = max(largest, scale * scratch[row * p.line + j * p.item]);
        if (caption_id[i] == caption_id[j]) n_targets += 1.0;
    }
    largest = row_max(largest, p.lanes);
    const vec3 counts = row_sum3(vec3(n_usable, n_targets, 0.0), p.lanes);
    n_usable = counts.x, n_targets = counts.y;
    float sum = 0.0, targets = 0.0;
    for (uint j = lane; j < p.n && is_used; j += p.lanes) {
        if (usable[j] == 0.0) continue;
        precise const float z = scale * scratch[row * p.line + j * p.item] - largest; /* 0 for the largest */
        sum += math_exp(z);
        if (caption_id[i] == caption_id[j]) targets += z;
    }
    const vec3 sums = row_sum3(vec3(sum, targets, 0.0), p.lanes);
    sum = sums.x, targets = sums.y;
    if (lane != 0 || row >= p.rows) return;
    lse[i] = is_used ? largest + math_log(sum) : 0.0;
    scratch[p.terms + i] = is_used ? (math_log(sum) - targets / n_targets) / (2.0 * n_usable) : 0.0;
}
