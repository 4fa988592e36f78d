#version 450
#extension GL_GOOGLE_include_directive : require
/* Cross-entropy, or divergence, of each line (row, or column with by_columns): writes both lse and
 * the weighted loss term. The largest logit is subtracted first, as on the CPU. */
#include "shaders/common/row.glsl"
#include "shaders/common/soft_target.glsl"

layout(binding = 5) writeonly buffer StudentLse { float student_lse[]; }; /* (lines) */
layout(binding = 6) writeonly buffer TeacherLse { float teacher_lse[]; }; /* (lines) */
layout(binding = 7) writeonly buffer Terms { float terms[]; };            /* (lines) */

bool is_used(uint row) { return p.by_columns != 0 ? weight[row] > 0.0 : weight[row] != 0.0; }

void main() {
    const uint line = row_number(p.lanes), lane = row_lane(p.lanes);
    const bool by_columns = p.by_columns != 0;
    const uint lines = by_columns ? p.columns : p.rows;
    const uint items = line >= lines ? 0 : by_columns ? p.rows : p.columns;
    const float s = scale();
    float student_max = -3.4e38, teacher_max = -3.4e38, used = 0.0;
    for (uint item = lane; item < items; item += p.lanes) {
        const uint row = by_columns ? item : line, column = by_columns ? line : item;
        if (!is_used(row)) continue;
        used = 1.0;
        student_max = max(student_max, student_logit(row, column, s));
        teacher_max = max(teacher_max, teacher_logit(row, column, s));
    }
    const vec3 largest = row_max3(vec3(student_max, teacher_max, used), p.lanes);
    student_max = largest.x, teacher_max = largest.y, used = largest.z;
    float student_sum = 0.0, teacher_sum = 0.0, cross_sum = 0.0;
    for (uint item = lane; item < items; item += p.lanes) {
        const uint row = by_columns ? item : line, column = by_columns ? line : item;
        if (!is_used(row)) continue;
        const float z = student_logit(row, column, s) - student_max;
        const float t = teacher_logit(row, column, s) - teacher_max;
        const float q = math_exp(t);
        student_sum += math_exp(z);
        teacher_sum += q;
        cross_sum += q * (p.divergence != 0 ? z - t : z);
    }
    const vec3 sums = row_sum3(vec3(student_sum, teacher_sum, cross_sum), p.lanes);
    student_sum = sums.x, teacher_sum = sums.y, cross_sum = sums.z;
    if (lane != 0 || line >= lines) return;
    student_lse[line] = used != 0.0 ? student_max + math_log(student_sum) : 0.0;
    teacher_lse[line] = used != 0.0 ? teacher_max + math_log(teacher_sum) : 0.0;
    const float line_weight = by_columns ? 1.0 / float(p.columns) : weight[line];
    const float entropy_part = p.divergence != 0 ? math_log(teacher_sum) : 0.0;
    const float loss = math_log(student_sum) - entropy_part - cross_sum / teacher_sum;
    terms[line] = used != 0.0 ? line_weight * loss : 0.0;
}
