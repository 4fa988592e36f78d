#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/grid.glsl"
#include "shaders/params/adamw.h"
#include "shaders/params/step.h"

layout(push_constant) uniform Push { adamw_params p; };
layout(binding = 0) readonly buffer Gradient { float gradient[]; };        /* (n) */
layout(binding = 1) readonly buffer Norm { float norm[]; };                /* (2): norm, factor */
layout(binding = 2) readonly buffer StepNumbers { float step_numbers[]; }; /* (STEP_COUNT) */
layout(binding = 3) buffer Parameter { float parameter[]; };               /* (n) */
layout(binding = 4) buffer First { float first[]; };                       /* (n) */
layout(binding = 5) buffer Second { float second[]; };                     /* (n) */

void main() {
    const uint i = grid_invocation();
    const float factor = norm[1];
    if (i >= p.n || factor == 0.0) return;
    const float rate = step_numbers[STEP_LEARNING_RATE];
    const float beta1 = step_numbers[STEP_BETA1], beta2 = step_numbers[STEP_BETA2];
    const float shrink = p.decay != 0 ? rate * step_numbers[STEP_WEIGHT_DECAY] : 0.0;
    const float rate1 = rate / step_numbers[STEP_CORRECTION1];
    const float root2 = sqrt(step_numbers[STEP_CORRECTION2]);
    precise const float g = gradient[i] * factor;
    precise const float m = beta1 * first[i] + (1.0 - beta1) * g;
    precise const float v = beta2 * second[i] + (1.0 - beta2) * g * g;
    const float w = parameter[i];
    precise const float change = rate1 * m / (sqrt(v) / root2 + step_numbers[STEP_EPSILON]);
    precise const float next = w - shrink * w - change;
    first[i] = m;
    second[i] = v;
    parameter[i] = next;
}
