/* What the matrix products share: their operands, and how a number of the result is stored. */
#include "shaders/common/grid.glsl"
#include "shaders/params/gemm.h"

layout(push_constant) uniform Push { gemm_params p; };
layout(binding = 0) readonly buffer A { float a[]; };
layout(binding = 1) readonly buffer B { float b[]; };
layout(binding = 2) buffer C { float c[]; };
layout(binding = 3) readonly buffer Bias { float bias[]; };         /* (n) */
layout(binding = 4) readonly buffer Residual { float residual[]; }; /* like C */

void store(uint c_start, uint row, uint column, float sum) {
    const uint i = c_start + row * p.c_line + column;
    float y = p.alpha * sum;
    if ((p.flags & GEMM_BIAS) != 0) y += bias[column];
    if ((p.flags & GEMM_RESIDUAL) != 0) y += residual[i];
    if ((p.flags & GEMM_ACCUMULATE) != 0) y += c[i];
    c[i] = y;
}
