#version 450
#extension GL_GOOGLE_include_directive : require
/* Small or narrow products of any layout: one thread per number of the result. Each round does four
 * steps, because lavapipe stops a loop after 65535 rounds. */
#include "shaders/common/gemm_operands.glsl"

void main() {
    const uint i = grid_invocation(), size = p.m * p.n, product = i / size;
    if (product >= p.products) return;
    const uint outer = product / p.inner_n, inner = product % p.inner_n;
    const uint row = i % size / p.n, column = i % p.n;
    const bool a_turned = (p.flags & GEMM_A_TURNED) != 0, b_turned = (p.flags & GEMM_B_TURNED) != 0;
    const uint a_step = a_turned ? p.a_line : 1, b_step = b_turned ? 1 : p.b_line;
    uint i_a = p.a_start + outer * p.a_outer + inner * p.a_inner +
                         row * (a_turned ? 1 : p.a_line);
    uint i_b = p.b_start + outer * p.b_outer + inner * p.b_inner +
                         column * (b_turned ? p.b_line : 1);
    float sum = 0.0;
    uint k = 0;
    for (; k + 4 <= p.k; k += 4) {
        sum += a[i_a] * b_number(i_b);
        sum += a[i_a + a_step] * b_number(i_b + b_step);
        sum += a[i_a + 2 * a_step] * b_number(i_b + 2 * b_step);
        sum += a[i_a + 3 * a_step] * b_number(i_b + 3 * b_step);
        i_a += 4 * a_step;
        i_b += 4 * b_step;
    }
    for (; k < p.k; k++, i_a += a_step, i_b += b_step) sum += a[i_a] * b_number(i_b);
    store(p.c_start + outer * p.c_outer + inner * p.c_inner, row, column, sum);
}
