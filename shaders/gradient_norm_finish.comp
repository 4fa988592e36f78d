#version 450
#extension GL_GOOGLE_include_directive : require
/* norm and clip factor from the sum of squares; one thread */
#include "shaders/common/math.glsl"
#include "shaders/params/gradient_norm.h"

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(push_constant) uniform Push { gradient_norm_params p; };
layout(binding = 0) readonly buffer Sums { float sums[]; };      /* scratch */
layout(binding = 1) readonly buffer Limit { float limit[]; };    /* () */
layout(binding = 2) writeonly buffer Result { float result[]; }; /* (2): norm, factor */

void main() {
    if (gl_LocalInvocationIndex != 0) return;
    const float squares = sums[p.read_at];
    const float norm = math_is_finite(squares) ? sqrt(squares) : squares;
    const float clip = limit[0], factor = clip / (norm + 1e-6);
    result[0] = norm;
    result[1] = !math_is_finite(norm) ? 0.0 : clip == 0.0 || factor > 1.0 ? 1.0 : factor;
}
