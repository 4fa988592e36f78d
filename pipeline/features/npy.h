/* npy: reads arrays in numpy's format: versions 1 and 2, C order, little-endian, up to 2
 * dimensions. */
#ifndef PIPELINE_FEATURES_NPY_H
#define PIPELINE_FEATURES_NPY_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/base/status.h"

/* numpy's word, bytes, C's type */
#define NPY_TYPE_LIST(X)                                                                           \
    X(F16, "<f2", 2)                                                                               \
    X(F32, "<f4", 4)                                                                               \
    X(F64, "<f8", 8)                                                                               \
    X(BOOL, "|b1", 1)                                                                              \
    X(U8, "|u1", 1)                                                                                \
    X(I8, "|i1", 1)                                                                                \
    X(I32, "<i4", 4)                                                                               \
    X(I64, "<i8", 8)

#define NPY_TYPE_ENUM(name, word, bytes) NPY_##name,
enum npy_type { NPY_TYPE_LIST(NPY_TYPE_ENUM) NPY_TYPES };
#undef NPY_TYPE_ENUM

struct npy {
    enum npy_type type;
    int rank; /* 1 or 2 */
    int64_t shape[2];
    int64_t n;            /* elements */
    const uint8_t *bytes; /* in the parsed bytes; not aligned */
};

/* Whether bytes begin like an npy file. */
int npy_is(const void *bytes, size_t n);
/* BAD_DATA says what is wrong, without the file's name. */
enum status npy_parse(struct npy *out, const void *bytes, size_t n, struct error *e);
/* Element i as a double; not for type F16. */
double npy_number(const struct npy *a, int64_t i);

#endif
