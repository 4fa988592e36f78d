/* The inputs of a case: their shapes, and the numbers in them. */
#include "models/half.h"
#include "tests/ops/op_harness.h"

#include <math.h>
#include <string.h>

static struct op_harness_input make(enum tensor_type type, int64_t limit, const int64_t *axes) {
    int rank = 0;
    while (rank < TENSOR_RANK_MAX && axes[rank]) rank++;
    return (struct op_harness_input){
        .is_present = true, .tensor = tensor_make(type, rank, axes), .limit = limit};
}

struct op_harness_input op_harness_f32(int64_t a, int64_t b, int64_t c, int64_t d) {
    return make(TENSOR_F32, 0, (int64_t[]){a, b, c, d});
}

struct op_harness_input op_harness_i32(int64_t limit, int64_t a, int64_t b, int64_t c, int64_t d) {
    return make(TENSOR_I32, limit, (int64_t[]){a, b, c, d});
}

struct op_harness_input op_harness_u8(int64_t a, int64_t b, int64_t c, int64_t d) {
    return make(TENSOR_U8, 0, (int64_t[]){a, b, c, d});
}

struct op_harness_input op_harness_16(enum tensor_type type, int64_t a, int64_t b, int64_t c,
                                      int64_t d) {
    return make(type, 0, (int64_t[]){a, b, c, d});
}

struct op_harness_input op_harness_number(void) {
    return op_harness_f32(0, 0, 0, 0);
}

void op_harness_unit_rows(void *data, const struct tensor *t, int64_t limit, struct random *r) {
    float *x = data;
    const int64_t columns = t->rank ? t->shape[t->rank - 1] : 1;
    (void)limit;
    for (int64_t row = 0; row < tensor_elements(t) / columns; row++, x += columns) {
        double square = 0;
        for (int64_t j = 0; j < columns; j++) {
            x[j] = random_normal(r);
            square += (double)x[j] * x[j];
        }
        for (int64_t j = 0; j < columns; j++) x[j] = (float)(x[j] / sqrt(square));
    }
}

void op_harness_off_zero(void *data, const struct tensor *t, int64_t limit, struct random *r) {
    float *x = data;
    (void)limit;
    for (int64_t i = 0; i < tensor_elements(t); i++) {
        x[i] = random_normal(r);
        x[i] += x[i] < 0 ? -0.2f : 0.2f;
    }
}

void op_harness_fill_input(const struct op_harness_input *in, void *data, struct random *r) {
    const int64_t n = tensor_elements(&in->tensor);
    const float scale = in->scale == 0 ? 1 : in->scale;
    if (in->values) {
        memcpy(data, in->values, (size_t)tensor_bytes(&in->tensor));
    } else if (in->fill) {
        in->fill(data, &in->tensor, in->limit, r);
    } else if (in->tensor.type == TENSOR_F32) {
        for (int64_t i = 0; i < n; i++) ((float *)data)[i] = in->offset + scale * random_normal(r);
    } else if (in->tensor.type == TENSOR_F16 || in->tensor.type == TENSOR_BF16) {
        for (int64_t i = 0; i < n; i++) {
            const float value = in->offset + scale * random_normal(r);
            half_round((uint16_t *)data + i, &value, 1, in->tensor.type);
        }
    } else if (in->tensor.type == TENSOR_I32) {
        for (int64_t i = 0; i < n; i++)
            ((int32_t *)data)[i] = (int32_t)random_below(r, (uint64_t)in->limit);
    } else {
        for (int64_t i = 0; i < n; i++) ((uint8_t *)data)[i] = (uint8_t)random_u32(r);
    }
}
