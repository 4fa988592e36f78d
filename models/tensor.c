#include "models/tensor.h"

#include "pipeline/base/status.h"

struct tensor tensor_make(enum tensor_type type, int rank, const int64_t *shape) {
    struct tensor t = {.type = type, .rank = rank, .shape = {1, 1, 1, 1}};
    CHECK(rank >= 0 && rank <= TENSOR_RANK_MAX);
    for (int i = 0; i < rank; i++) t.shape[i] = shape[i];
    return t;
}

int64_t tensor_elements(const struct tensor *t) {
    int64_t n = 1;
    for (int i = 0; i < t->rank; i++) n *= t->shape[i];
    return n;
}

int64_t tensor_bytes(const struct tensor *t) {
#define TENSOR_TYPE_BYTES(name, bytes) bytes,
    static const int64_t sizes[] = {TENSOR_TYPE_LIST(TENSOR_TYPE_BYTES)};
#undef TENSOR_TYPE_BYTES
    return tensor_elements(t) * sizes[t->type];
}
