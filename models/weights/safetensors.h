/* safetensors: weights on disk in the format of huggingface/safetensors.
 *
 *     8 bytes  length of the header, little-endian
 *     header   JSON object: name -> {"dtype", "shape", "data_offsets": [begin, end]}, and
 *              "__metadata__": name -> text; spaces pad it to a multiple of 8
 *     data     tensors row by row, little-endian, without hole or overlap up to the end of the file
 *
 * The whole header is checked before use; one that passes cannot lead outside the file. Tensors are
 * read on demand. The file is not mapped: a disk error in a mapping would kill the program. Limits:
 * header 16 MiB, 65536 tensors, rank 8, names of 1 KiB. */
#ifndef MODELS_WEIGHTS_SAFETENSORS_H
#define MODELS_WEIGHTS_SAFETENSORS_H

#include <stdbool.h>
#include <stdint.h>

#include "pipeline/base/status.h"
#include "pipeline/base/text.h"

/* name in the header, bytes per element */
#define SAFETENSORS_TYPE_LIST(X)                                                                   \
    X(F64, 8)                                                                                      \
    X(F32, 4)                                                                                      \
    X(F16, 2)                                                                                      \
    X(BF16, 2)                                                                                     \
    X(I64, 8)                                                                                      \
    X(I32, 4)                                                                                      \
    X(I16, 2)                                                                                      \
    X(I8, 1)                                                                                       \
    X(U64, 8)                                                                                      \
    X(U32, 4)                                                                                      \
    X(U16, 2)                                                                                      \
    X(U8, 1)                                                                                       \
    X(BOOL, 1)

#define SAFETENSORS_TYPE_ENUM(name, bytes) SAFETENSORS_##name,
enum safetensors_type { SAFETENSORS_TYPE_LIST(SAFETENSORS_TYPE_ENUM) SAFETENSORS_TYPE_COUNT };
#undef SAFETENSORS_TYPE_ENUM

enum { SAFETENSORS_RANK_MAX = 8 };

/* A tensor of an open file, or one to be written. */
struct safetensors_tensor {
    const char *name;
    enum safetensors_type type;
    int rank;                            /* 0: a single number */
    int64_t shape[SAFETENSORS_RANK_MAX]; /* unused entries are 1 when read */
    const void *bytes; /* when in memory; NULL when read from a file */
    const struct safetensors *file; /* when read: its bytes start at offset in this file */
    uint64_t offset;
    int64_t n_bytes;   /* set by the reader and by safetensors_header */
};

struct safetensors_pair {
    const char *name, *value;
};

/* --- Reading --- */

struct safetensors;

/* If the file has its own checksum (safetensors_crc.h), reads the whole file once to check it.
 * Errors: NOT_FOUND, BAD_DATA with what is wrong and where, STORAGE, NO_MEMORY. */
enum status safetensors_open(struct safetensors **out, const char *path, struct error *e);
void safetensors_destroy(struct safetensors **s);
const char *safetensors_path(const struct safetensors *s);
int safetensors_count(const struct safetensors *s);
/* In the order of the data. */
const struct safetensors_tensor *safetensors_at(const struct safetensors *s, int i);
/* The tensor of this name, or NULL. */
const struct safetensors_tensor *safetensors_find(const struct safetensors *s, const char *name);
/* The same; BAD_DATA names the nearest name when there is none. */
enum status safetensors_get(const struct safetensors *s, const char *name,
                            const struct safetensors_tensor **out, struct error *e);
/* A value of __metadata__, or NULL. */
const char *safetensors_metadata(const struct safetensors *s, const char *name);
/* Whether the file has its own checksum, which safetensors_open has checked. */
bool safetensors_has_crc(const struct safetensors *s);
/* XXH3 over names, types, shapes and bytes in the order of the names, without metadata. */
enum status safetensors_digest(const struct safetensors *s, uint64_t *digest, struct error *e);

int64_t safetensors_elements(const struct safetensors_tensor *t);
/* BAD_DATA when the shape differs: "name: wrong shape; expected [2,3], found [3,2]". */
enum status safetensors_check_shape(const struct safetensors_tensor *t, int rank,
                                    const int64_t *shape, struct error *e);
/* Elements first to first + n - 1 of t, as a tensor of one dimension. */
struct safetensors_tensor safetensors_piece(const struct safetensors_tensor *t, int64_t first,
                                            int64_t n);
/* Copies n bytes of t from byte `at`. Errors, also of the readers below: STORAGE with file and
 * offset when the disk cannot read; BAD_DATA when the file has become shorter. */
enum status safetensors_read(const struct safetensors_tensor *t, int64_t at, int64_t n, void *to,
                             struct error *e);
/* Copies all elements of an F64, F32, F16 or BF16 tensor as floats; F64 is rounded. BAD_DATA for
 * another type. */
enum status safetensors_read_f32(const struct safetensors_tensor *t, float *to, struct error *e);
/* The inverse: writes all elements of t, an F32, F16 or BF16 tensor, to bytes, rounded to nearest,
 * ties to even. BAD_DATA when a finite number is too large for the type. */
enum status safetensors_from_f32(const struct safetensors_tensor *t, const float *from, void *bytes,
                                 struct error *e);
/* Copies all elements of an integer tensor (not U64). BAD_DATA for another type. */
enum status safetensors_read_i64(const struct safetensors_tensor *t, int64_t *to, struct error *e);

/* --- Writing --- */

struct safetensors_content {
    struct safetensors_tensor *tensor; /* gets sorted into the order of the file */
    int n;
    const struct safetensors_pair *metadata; /* written in this order */
    int n_metadata;
    bool is_checked; /* adds the checksum of safetensors_crc.h to the metadata */
};

/* Sorts content->tensor like the reference writer (falling element size, then name) and writes
 * length and header to out. The file is out followed by the bytes of each tensor. The same content
 * gives the same bytes. BAD_ARG for an empty or repeated name or a size too large. */
enum status safetensors_header(struct safetensors_content *content, struct text *out,
                               struct error *e);
/* Writes a file that appears complete or not at all. */
enum status safetensors_write(const char *path, struct safetensors_content *content,
                              struct error *e);

#endif
