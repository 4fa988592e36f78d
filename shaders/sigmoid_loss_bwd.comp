#version 450
#extension GL_GOOGLE_include_directive : require
/* Turns similarities into s E, in place, with E = dloss (sigmoid(z) - y) / usable samples. Writes
 * per row the sums of E (z - b) and of E, the gradients of ln s and b. */
#include "shaders/common/math.glsl"
#include "shaders/common/row.glsl"
#include "shaders/params/sigmoid_loss.h"

layout(push_constant) uniform Push { sigmoid_loss_params p; };
layout(binding = 0) buffer Scratch { float scratch[]; };                 /* similarities (rows, n), then sums (2, n) */
layout(binding = 1) readonly buffer LogitScale { float logit_scale[]; }; /* () */
layout(binding = 2) readonly buffer LogitBias { float logit_bias[]; };   /* () */
layout(binding = 3) readonly buffer CaptionId { int caption_id[]; };     /* (n) */
layout(binding = 4) readonly buffer Usable { float usable[]; };          /* (n) */
layout(binding = 5) readonly buffer Dloss { float dloss[]; };            /* () */

void main() {
    const uint row = row_number(p.lanes), lane = row_lane(p.lanes), i = p.first + row;
    const bool is_used = row < p.rows && usable[min(i, p.n - 1)] != 0.0;
    const float scale = math_exp(logit_scale[0]), bias = logit_bias[0];
    float n_usable = 0.0;
    for (uint j = lane; j < p.n; j += p.lanes)
        if (usable[j] != 0.0) n_usable += 1.0;
    n_usable = row_sum(n_usable, p.lanes);
    const uint end = row < p.rows ? p.n : 0;
    float sum_scale = 0.0, sum_bias = 0.0;
    for (uint j = lane; j < end; j += p.lanes) {
        float e = 0.0;
        if (is_used && usable[j] != 0.0) {
            const float s = scale * scratch[row * p.n + j];
            e = 1.0 / (1.0 + math_exp(-(s + bias)));
            if (caption_id[i] == caption_id[j]) e -= 1.0;
            e *= dloss[0] / n_usable;
            sum_scale += e * s;
            sum_bias += e;
        }
        scratch[row * p.n + j] = scale * e;
    }
    const vec3 sums = row_sum3(vec3(sum_scale, sum_bias, 0.0), p.lanes);
    if (lane != 0 || row >= p.rows) return;
    scratch[p.terms + i] = sums.x;
    scratch[p.terms + p.n + i] = sums.y;
}
