/* tensor: type, shape and place of a block of numbers. */
#ifndef MODELS_TENSOR_H
#define MODELS_TENSOR_H

#include <stdint.h>

enum { TENSOR_RANK_MAX = 4 };

/* F16 and BF16 are storage types: readers widen them to 32 bits, writers round (half.h). */
#define TENSOR_TYPE_LIST(X) X(F32, 4) X(I32, 4) X(U8, 1) X(F16, 2) X(BF16, 2)
#define TENSOR_TYPE_ENUM(name, bytes) TENSOR_##name,
enum tensor_type { TENSOR_TYPE_LIST(TENSOR_TYPE_ENUM) };
#undef TENSOR_TYPE_ENUM

struct tensor {
    enum tensor_type type;
    int rank;                       /* 0: a single number */
    int64_t shape[TENSOR_RANK_MAX]; /* unused entries are 1 */
};

struct tensor tensor_make(enum tensor_type type, int rank, const int64_t *shape);
int64_t tensor_elements(const struct tensor *t);
int64_t tensor_bytes(const struct tensor *t);

#endif
