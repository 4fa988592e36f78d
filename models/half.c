#include "models/half.h"

#include "pipeline/base/status.h"

#include <string.h>

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* bits without the lowest `drop` bits, rounded to nearest, ties to even. */
static uint32_t shift_rounded(uint32_t bits, int drop) {
    const uint32_t half = 1u << (drop - 1), odd = bits >> drop & 1;
    return (bits + half - 1 + odd) >> drop;
}

uint16_t half_f16(float value) {
    const uint32_t bits = bits_of(value), size = bits & 0x7fffffff, sign = bits >> 16 & 0x8000;
    if (size > 0x7f800000) return (uint16_t)(sign | 0x7e00); /* not a number */
    if (size >= 0x47800000) return (uint16_t)(sign | 0x7c00);
    if (size >= 0x38800000) return (uint16_t)(sign | shift_rounded(size - (112u << 23), 13));
    /* A multiple of 2^-24, the fraction of a subnormal number; below 2^-25 none of it is left. */
    if (size < 0x33000000) return (uint16_t)sign;
    return (uint16_t)(sign | shift_rounded((size & 0x7fffff) | 0x800000, 126 - (int)(size >> 23)));
}

uint16_t half_bf16(float value) {
    const uint32_t bits = bits_of(value);
    if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 64);
    return (uint16_t)shift_rounded(bits, 16);
}

float half_f16_wide(uint16_t half) {
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31;
    const uint32_t fraction = half & 1023;
    if (exponent == 31) return float_of(sign | 0x7f800000 | fraction << 13);
    if (exponent) return float_of(sign | (exponent + 112) << 23 | fraction << 13);
    return (sign ? -0x1p-24f : 0x1p-24f) * (float)fraction;
}

float half_bf16_wide(uint16_t half) {
    return float_of((uint32_t)half << 16);
}

void half_round(uint16_t *to, const float *from, int64_t n, enum tensor_type type) {
    CHECK(type == TENSOR_F16 || type == TENSOR_BF16);
    for (int64_t i = 0; i < n; i++)
        to[i] = type == TENSOR_F16 ? half_f16(from[i]) : half_bf16(from[i]);
}

void half_widen(float *to, const uint16_t *from, int64_t n, enum tensor_type type) {
    CHECK(type == TENSOR_F16 || type == TENSOR_BF16);
    if (type == TENSOR_F16)
        for (int64_t i = 0; i < n; i++) to[i] = half_f16_wide(from[i]);
    else
        for (int64_t i = 0; i < n; i++) to[i] = half_bf16_wide(from[i]);
}
