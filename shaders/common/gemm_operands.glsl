/* Shared by the matrix products: their operands, and storing a number of the result. Builds with
 * B_16 read a B of 16-bit numbers; with B_WORDS too, they read it as words of two. Widening uses
 * integers, so it is exact for every number, even on devices that flush subnormal numbers. */
#ifdef B_16
#extension GL_EXT_shader_16bit_storage : require
#endif
#include "shaders/common/grid.glsl"
#include "shaders/params/gemm.h"

layout(push_constant) uniform Push { gemm_params p; };
layout(binding = 0) readonly buffer A { float a[]; };
#if defined(B_16) || defined(B_WORDS)
layout(constant_id = 3) const uint IS_BF16 = 0; /* else half precision */
float b_wide(uint half_) {
    const uint sign = (half_ & 0x8000) << 16, exponent = half_ >> 10 & 31, fraction = half_ & 1023;
    if (IS_BF16 != 0) return uintBitsToFloat(half_ << 16);
    if (exponent == 0) return (sign != 0 ? -1.0 : 1.0) * (float(fraction) * 5.9604644775390625e-8);
    return uintBitsToFloat(sign | (exponent == 31 ? 255 : exponent + 112) << 23 | fraction << 13);
}
#endif
#if defined(B_16)
layout(binding = 1) readonly buffer B { uint16_t b[]; };
float b_number(uint i) { return b_wide(uint(b[i])); }
#elif defined(B_WORDS)
layout(binding = 1) readonly buffer B { uint b[]; };
float b_number(uint i) { return b_wide(b[i / 2] >> 16 * (i % 2) & 0xffff); }
#else
layout(binding = 1) readonly buffer B { float b[]; };
float b_number(uint i) { return b[i]; }
#endif
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
