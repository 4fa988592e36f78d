#version 450
#extension GL_GOOGLE_include_directive : require
/* Turns similarities into s E, in place, with E = dloss (P_rows + P_columns - 2 q) / (2 usable
 * samples). Writes per row the sum of E S, the gradient of ln s. */
#include "shaders/common/math.glsl"
#include "shaders/common/row.glsl"
#include "shaders/params/contrastive_loss.h"

layout(push_constant) uniform Push { contrastive_loss_params p; };
layout(binding = 0) buffer Scratch { float scratch[]; };                 /* similarities (rows, n), then sums */
layout(binding = 1) readonly buffer LogitScale { float logit_scale[]; }; /* () */
layout(binding = 2) readonly buffer CaptionId { int caption_id[]; };     /* (n) */
layout(binding = 3) readonly buffer Usable { float usable[]; };          /* (n) */
layout(binding = 4) readonly buffer RowLse { float row_lse[]; };         /* (n) */
layout(binding = 5) readonly buffer ColumnLse { float column_lse[]; };   /* (n) */
layout(binding = 6) readonly buffer Dloss { float dloss[]; };            /* () */

void main() {
    const uint row = row_number(p.lanes), lane = row_lane(p.lanes), i = p.first + row;
    const bool is_used = row < p.rows && usable[min(i, p.n - 1)] != 0.0;
    const float scale = math_exp(logit_scale[0]);
    float n_usable = 0.0, n_targets = 0.0;
    for (uint j = lane; j < p.n; j += p.lanes) {
        if (usable[j] == 0.0) continue;
        n_usable += 1.0;
        if (is_used && caption_id[i] == caption_id[j]) n_targets += 1.0;
    }
    const vec3 counts = row_sum3(vec3(n_usable, n_targets, 0.0), p.lanes);
    n_usable = counts.x, n_targets = counts.y;
    const uint end = row < p.rows ? p.n : 0;
    float sum = 0.0;
    for (uint j = lane; j < end; j += p.lanes) {
        float e = 0.0;
        if (is_used && usable[j] != 0.0) {
            precise const float z = scale * scratch[row * p.n + j];
            e = math_exp(z - row_lse[i]) + math_exp(z - column_lse[j]);
            if (caption_id[i] == caption_id[j]) e -= 2.0 / n_targets;
            e *= dloss[0] / (2.0 * n_usable);
            sum += e * z;
        }
        scratch[row * p.n + j] = scale * e;
    }
    sum = row_sum(sum, p.lanes);
    if (lane == 0 && row < p.rows) scratch[p.terms + i] = sum;
}
