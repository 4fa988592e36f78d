#version 450
#extension GL_GOOGLE_include_directive : require
/* Many small products of any layout: one thread for each number of the results. */
#include "shaders/common/gemm_operands.glsl"

void main() {
    const uint i = grid_invocation(), size = p.m * p.n, product = i / size;
    if (product >= p.products) return;
    const uint outer = product / p.inner_n, inner = product % p.inner_n;
    const uint row = i % size / p.n, column = i % p.n;
    const bool a_turned = (p.flags & GEMM_A_TURNED) != 0, b_turned = (p.flags & GEMM_B_TURNED) != 0;
    const uint a_step = a_turned ? p.a_line : 1, b_step = b_turned ? 1 : p.b_line;
    const uint a_start = p.a_start + outer * p.a_outer + inner * p.a_inner +
                         row * (a_turned ? 1 : p.a_line);
    const uint b_start = p.b_start + outer * p.b_outer + inner * p.b_inner +
                         column * (b_turned ? p.b_line : 1);
    float sum = 0.0;
    for (uint k = 0; k < p.k; k++) sum += a[a_start + k * a_step] * b[b_start + k * b_step];
    store(p.c_start + outer * p.c_outer + inner * p.c_inner, row, column, sum);
}
