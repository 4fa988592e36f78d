/* golden: expected values from tests/golden/<name>.safetensors, written by PyTorch with
 * tests/golden/make_golden.py. */
#ifndef TESTS_GOLDEN_H
#define TESTS_GOLDEN_H

#include <stdint.h>

/* Reads tests/golden/<name>.safetensors, closing the file read before. A missing or broken file
 * stops the program. */
void golden_open(const char *name);
void golden_close(void);

/* The numbers of a tensor, valid until golden_close; *n (may be NULL): how many. A tensor that is
 * missing or of another type stops the program. */
const float *golden_f32(const char *tensor, int64_t *n);
const int32_t *golden_i32(const char *tensor, int64_t *n);
const uint8_t *golden_u8(const char *tensor, int64_t *n);

/* Norm of the difference over the norm of what is expected. */
double golden_distance(const float *found, const float *expected, int64_t n);

#endif
