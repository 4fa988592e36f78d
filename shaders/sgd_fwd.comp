#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/grid.glsl"
#include "shaders/params/sgd.h"

layout(push_constant) uniform Push { sgd_params p; };
layout(binding = 0) readonly buffer Gradient { float gradient[]; }; /* (n) */
layout(binding = 1) readonly buffer Norm { float norm[]; };         /* (2): norm, factor */
layout(binding = 2) readonly buffer Numbers { float numbers[]; };   /* (SGD_NUMBERS) */
layout(binding = 3) buffer Parameter { float parameter[]; };        /* (n) */
layout(binding = 4) buffer Velocity { float velocity[]; };          /* (n) */

void main() {
    const uint i = grid_invocation();
    const float factor = norm[1];
    if (i >= p.n || factor == 0.0) return;
    const float momentum = numbers[SGD_MOMENTUM];
    const float decay = p.decay != 0 ? numbers[SGD_DECAY] : 0.0;
    const float w = parameter[i];
    precise const float g = gradient[i] * factor + decay * w;
    precise const float v = momentum * velocity[i] + g;
    precise const float ahead = g + momentum * v;
    precise const float next = w - numbers[SGD_RATE] * (p.nesterov != 0 ? ahead : v);
    velocity[i] = v;
    parameter[i] = next;
}
