/* Bindings and logits shared by soft_target_loss_fwd and soft_target_loss_bwd. */
#include "shaders/common/math.glsl"
#include "shaders/params/soft_target_loss.h"

layout(push_constant) uniform Push { soft_target_loss_params p; };
layout(binding = 0) readonly buffer Student { float student[]; };        /* (rows, columns) */
layout(binding = 1) readonly buffer Teacher { float teacher[]; };        /* (rows, columns) */
layout(binding = 2) readonly buffer Weight { float weight[]; };          /* (rows) */
layout(binding = 3) readonly buffer LogitScale { float logit_scale[]; }; /* (), may be absent */
layout(binding = 4) readonly buffer Center { float center[]; };          /* (columns), may be absent */

float scale() { return p.has_scale != 0 ? math_exp(logit_scale[0]) : 1.0; }
/* Logits are `precise`: whether or not the driver contracts, the largest minus itself is 0, and
 * backward has the bits that gave the saved lse. */
float student_logit(uint row, uint column, float s) {
    precise const float logit = s * p.student_factor * student[row * p.columns + column];
    return logit;
}
float teacher_logit(uint row, uint column, float s) {
    const float t = teacher[row * p.columns + column];
    precise const float logit = s * p.teacher_factor * (p.has_center != 0 ? t - center[column] : t);
    return logit;
}
