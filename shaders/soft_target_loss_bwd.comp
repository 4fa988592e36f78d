#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/grid.glsl"
#include "shaders/common/soft_target.glsl"

layout(binding = 5) readonly buffer StudentLse { float student_lse[]; }; /* (lines) */
layout(binding = 6) readonly buffer TeacherLse { float teacher_lse[]; }; /* (lines) */
layout(binding = 7) readonly buffer Dloss { float dloss[]; };            /* () */
layout(binding = 8) buffer Dstudent { float dstudent[]; };               /* (rows, columns) */

void main() {
    const uint i = grid_invocation();
    if (i >= p.rows * p.columns) return;
    const uint row = i / p.columns, column = i % p.columns;
    const bool by_columns = p.by_columns != 0;
    const uint line = by_columns ? column : row;
    const float s = scale();
    float d = 0.0;
    if (by_columns ? weight[row] > 0.0 : weight[row] != 0.0) {
        const float a = math_exp(student_logit(row, column, s) - student_lse[line]);
        const float b = math_exp(teacher_logit(row, column, s) - teacher_lse[line]);
        const float line_weight = by_columns ? 1.0 / float(p.columns) : weight[row];
        d = dloss[0] * p.factor * s * p.student_factor * line_weight * (a - b);
    }
    dstudent[i] = p.accumulate != 0 ? dstudent[i] + d : d;
}
