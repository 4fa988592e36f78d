/* half: the two 16-bit float types, half precision (F16: 5 bits of exponent, 10 of fraction) and
 * bfloat16 (BF16: the upper half of a float), to and from 32 bits.
 *
 * Every 16-bit number is also a float, so widening is exact. Rounding is to nearest, ties to even,
 * computed with integers, so the processor's rounding mode has no effect. Numbers that are too
 * large become infinite; NaN stays NaN. */
#ifndef MODELS_HALF_H
#define MODELS_HALF_H

#include "models/tensor.h"

uint16_t half_f16(float value);
uint16_t half_bf16(float value);
float half_f16_wide(uint16_t half);
float half_bf16_wide(uint16_t half);

/* The same for n numbers; type: F16 or BF16. */
void half_round(uint16_t *to, const float *from, int64_t n, enum tensor_type type);
void half_widen(float *to, const uint16_t *from, int64_t n, enum tensor_type type);

#endif
