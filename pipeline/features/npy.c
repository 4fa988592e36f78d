#include "pipeline/features/npy.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char magic[] = {'\x93', 'N', 'U', 'M', 'P', 'Y'};
static const char *const words[] = {
#define TYPE_WORD(name, word, bytes) word,
    NPY_TYPE_LIST(TYPE_WORD)
#undef TYPE_WORD
};
static const int sizes[] = {
#define TYPE_SIZE(name, word, bytes) bytes,
    NPY_TYPE_LIST(TYPE_SIZE)
#undef TYPE_SIZE
};

int npy_is(const void *bytes, size_t n) {
    return n >= sizeof magic && !memcmp(bytes, magic, sizeof magic);
}

/* The text after 'name': in the header, or NULL. */
static const char *value_of(const char *header, const char *name) {
    const char *at = strstr(header, name);
    if (!at) return NULL;
    at += strlen(name);
    while (*at == ':' || *at == ' ' || *at == '\'') at++;
    return at;
}

static enum status bad_shape(const char *shape, struct error *e) {
    return fail(e, STATUS_BAD_DATA, "shape %.60s; expected one or two dimensions",
                shape ? shape : "missing");
}

static enum status read_shape(struct npy *out, const char *text, struct error *e) {
    const char *at = text;
    if (!at || *at++ != '(') return bad_shape(text, e);
    for (out->n = 1;;) {
        while (*at == ' ' || *at == ',') at++;
        if (*at == ')') break;
        if (!isdigit((unsigned char)*at) || out->rank == 2) return bad_shape(text, e);
        char *end;
        const long long size = strtoll(at, &end, 10);
        out->shape[out->rank++] = size;
        if (__builtin_mul_overflow(out->n, (int64_t)size, &out->n)) return bad_shape(text, e);
        at = end;
    }
    return out->rank ? STATUS_OK : bad_shape(text, e);
}

enum status npy_parse(struct npy *out, const void *bytes, size_t n, struct error *e) {
    enum status rc = STATUS_OK;
    char header[1024];
    const uint8_t *b = bytes;
    *out = (struct npy){.type = NPY_TYPES};
    if (!npy_is(bytes, n) || n < 12)
        return fail(e, STATUS_BAD_DATA, "not a .npy file, or cut off in its header");
    const size_t start = b[6] == 1 ? 10 : 12;
    const size_t length = (size_t)b[8] | (size_t)b[9] << 8 |
                          (start == 12 ? (size_t)b[10] << 16 | (size_t)b[11] << 24 : 0);
    if (length >= sizeof header || start + length > n)
        return fail(e, STATUS_BAD_DATA, "header of %zu bytes; expected at most %zu, all of them",
                    length, sizeof header - 1);
    memcpy(header, b + start, length);
    header[length] = 0;
    const char *type = value_of(header, "'descr'"), *order = value_of(header, "'fortran_order'");
    for (int i = 0; type && i < NPY_TYPES; i++)
        if (!strncmp(type, words[i], 3) && type[3] == '\'') out->type = (enum npy_type)i;
    if (out->type == NPY_TYPES)
        return fail(e, STATUS_BAD_DATA, "type %.8s; expected little-endian numbers",
                    type ? type : "missing");
    if (!order || strncmp(order, "False", 5))
        return fail(e, STATUS_BAD_DATA, "not in C order; save numpy.ascontiguousarray of it");
    TRY(read_shape(out, value_of(header, "'shape'"), e));
    out->bytes = b + start + length;
    if ((uint64_t)out->n > (n - start - length) / (size_t)sizes[out->type])
        rc = fail(e, STATUS_BAD_DATA, "cut off; expected %lld elements", (long long)out->n);
done:
    return rc;
}

double npy_number(const struct npy *a, int64_t i) {
    const uint8_t *at = a->bytes + i * sizes[a->type];
    switch (a->type) {
    case NPY_F32: {
        float x;
        memcpy(&x, at, sizeof x);
        return (double)x;
    }
    case NPY_F64: {
        double x;
        memcpy(&x, at, sizeof x);
        return x;
    }
    case NPY_I32: {
        int32_t x;
        memcpy(&x, at, sizeof x);
        return x;
    }
    case NPY_I64: {
        int64_t x;
        memcpy(&x, at, sizeof x);
        return (double)x;
    }
    case NPY_I8: return (int8_t)*at;
    case NPY_BOOL:
    case NPY_U8: return *at;
    default: CHECK(!"a type that has numbers"); return 0;
    }
}
