/* half: the two 16-bit float types, half precision (F16: 5 bits of exponent, 10 of fraction) and
 * bfloat16 (BF16: the upper half of a float), to and from 32 bits.
 *
 * Every 16-bit number is a float, so widening is exact. Rounding goes to the nearest, ties to even,
 * in integers alone: the same bits whatever the processor's rounding is set to. Too large a number
 * becomes infinite; one that is not a number stays so. */
#ifndef MODELS_HALF_H
#define MODELS_HALF_H

#include "models/tensor.h"

uint16_t half_f16(float value);
uint16_t half_bf16(float value);
float half_f16_wide(uint16_t half);
float half_bf16_wide(uint16_t half);

/* n numbers of a tensor's type, F16 or BF16. */
void half_round(uint16_t *to, const float *from, int64_t n, enum tensor_type type);
void half_widen(float *to, const uint16_t *from, int64_t n, enum tensor_type type);

#endif
