#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/grid.glsl"
#include "shaders/params/adamw.h"

layout(push_constant) uniform Push { adamw_params p; };
layout(binding = 0) readonly buffer Gradient { float gradient[]; };        /* (n) */
layout(binding = 1) readonly buffer Norm { float norm[]; };                /* (2): norm, factor */
layout(binding = 2) readonly buffer Numbers { float numbers[]; };          /* (ADAMW_NUMBERS) */
layout(binding = 3) buffer Parameter { float parameter[]; };               /* (n) */
layout(binding = 4) buffer First { float first[]; };                       /* (n) */
layout(binding = 5) buffer Second { float second[]; };                     /* (n) */

void main() {
    const uint i = grid_invocation();
    const float factor = norm[1];
    if (i >= p.n || factor == 0.0) return;
    const float rate = numbers[ADAMW_RATE];
    const float beta1 = numbers[ADAMW_BETA1], beta2 = numbers[ADAMW_BETA2];
    const float shrink = p.decay != 0 ? rate * numbers[ADAMW_DECAY] : 0.0;
    const float rate1 = rate / numbers[ADAMW_CORRECTION1];
    const float root2 = sqrt(numbers[ADAMW_CORRECTION2]);
    precise const float g = gradient[i] * factor;
    precise const float m = beta1 * first[i] + (1.0 - beta1) * g;
    precise const float v = beta2 * second[i] + (1.0 - beta2) * g * g;
    const float w = parameter[i];
    precise const float change = rate1 * m / (sqrt(v) / root2 + numbers[ADAMW_EPSILON]);
    precise const float next = w - shrink * w - change;
    first[i] = m;
    second[i] = v;
    parameter[i] = next;
}
