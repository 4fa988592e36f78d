/* op: what an operation is, and one call of it with its operands resolved.
 *
 * Every operand has a fixed slot. Forward reads inputs and writes outputs and saved tensors.
 * Backward reads the gradients of the outputs (d_out) and the slots that op.backward_reads names,
 * and writes the wanted gradients of the inputs (d_in). It overwrites a gradient, or adds to it
 * where accumulate has its bit: the first contribution overwrites, so no buffer needs clearing.
 * Absent optional operands have no buffer. Backward knows the types and shapes of all operands of
 * the forward call, even of those it does not read. A saved tensor with 0 elements by the shape
 * rule is not allocated.
 *
 * In-place ops (optimiser, moving averages) name the same tensor as input and output. Such a tensor
 * must lie outside the activation arena. */
#ifndef MODELS_OP_H
#define MODELS_OP_H

#include "models/op_list.h"
#include "models/tensor.h"
#include "models/traits.h"
#include "pipeline/base/status.h"

#include <stdbool.h>
#include <stddef.h>

struct buffer; /* memory of a backend, backend.h */

enum {
    OP_INPUTS = 6,
    OP_OUTPUTS = 3,
    OP_SAVED = 2,
    /* slots */
    OP_IN = 0,
    OP_OUT = OP_IN + OP_INPUTS,
    OP_SAVE = OP_OUT + OP_OUTPUTS,
    OP_D_OUT = OP_SAVE + OP_SAVED,
    OP_D_IN = OP_D_OUT + OP_OUTPUTS,
    OP_SCRATCH = OP_D_IN + OP_INPUTS, /* memory for the duration of the call */
    OP_SLOTS,
    OP_OPTION_BYTES = 64,
    OP_KERNELS_MAX = 8,
    KERNEL_BINDINGS_MAX = 12,
    KERNEL_PUSH_BYTES = 96,
    KERNEL_SPEC_MAX = 4,
    KERNEL_THREADS = 256, /* per group, unless a kernel sets its own number */
};

enum op_direction { OP_FORWARD, OP_BACKWARD };

enum op_id {
#define OP_ENUM(name) OP_##name,
    OP_LIST(OP_ENUM)
#undef OP_ENUM
        OP_COUNT
};

/* The kind of buffer an operand lies in. When the same calls run for another slice, struct
 * work_place (backend.h) gives the buffer of each kind. */
enum op_base {
    OP_BASE_FIXED, /* always the same buffer */
    OP_BASE_ARENA, /* the activations of the slice */
    OP_BASE_BLOCK, /* the block that receives the gradients of the slice */
    OP_BASE_OTHER, /* a second block, which is added to the first */
};

/* A tensor and where it lies. data is the address on the CPU backend, NULL elsewhere. */
struct op_operand {
    struct tensor tensor;
    struct buffer *buffer; /* NULL: absent */
    int64_t offset;        /* bytes from the start of buffer, a multiple of 256 */
    void *data;
    enum op_base base;
    int64_t slice_stride; /* FIXED: bytes from one slice to the next; 0: all share it */
};

struct op_call {
    enum op_id op;
    enum op_direction direction;
    uint32_t accumulate; /* backward: bit i set: add to d_in[i] instead of writing it */
    int part;            /* for kernels: part of the call, 0 to op.parts - 1 */
    struct op_operand slot[OP_SLOTS];
    _Alignas(8) unsigned char options[OP_OPTION_BYTES]; /* struct <name>_options of the op */
};

/* One dispatch. shader: name of a build (shaders/embed.cmake; most shaders have one, named like
 * their file). binding: slots in the order of the shader's declarations. An absent operand may be
 * bound; other memory then stands in for it. The push constants (shaders/params/<op>.h) tell the
 * shader that it must not touch that memory. */
struct kernel {
    const char *shader;
    uint32_t threads;               /* per group, spec constant 0; 0: KERNEL_THREADS */
    uint32_t spec[KERNEL_SPEC_MAX]; /* spec constants 1, 2, ...; 0: the shader's default */
    uint32_t subgroup; /* 0: any; else require full subgroups of this size (traits.subgroup) */
    uint32_t
        groups[3]; /* each at most 65535; fold long grids into y, see shaders/common/grid.glsl */
    int n_bindings;
    int binding[KERNEL_BINDINGS_MAX]; /* slots */
    uint32_t push_bytes;
    _Alignas(8) unsigned char push[KERNEL_PUSH_BYTES];
};

struct op {
    const char *name;
    uint32_t n_inputs, n_outputs, n_saved;
    uint32_t optional_inputs; /* bit i: input i may be absent */

    /* Checks the inputs' types and shapes and the options; sets the tensors of outputs and saved.
     * After it succeeded, forward and backward cannot fail. */
    enum status (*shape)(struct op_call *call, struct error *e);

    /* Bit mask of the slots (inputs, outputs, saved) that backward reads, given the wanted inputs:
     * bit i of `wanted` is input i. NULL: the op has no gradient. */
    uint64_t (*backward_reads)(const struct op_call *call, uint32_t wanted);
    /* Inputs that can have a gradient: bit i. */
    uint32_t differentiable;

    /* Scratch bytes that a call needs; NULL: none. */
    int64_t (*scratch_bytes)(const struct op_call *call);

    void (*forward)(const struct op_call *call);  /* CPU */
    void (*backward)(const struct op_call *call); /* CPU */
    /* How the CPU shares one forward call among its threads. The pieces do not depend on the number
     * of threads, so neither do the bits. each_number: output i depends only on number i of each
     * operand of that size; a piece is forward over a range of them. pieces: number of pieces;
     * piece(i) runs in any order, finish after all of them. Neither set: one thread does the
     * call. */
    bool each_number;
    int64_t (*pieces)(const struct op_call *call);
    void (*piece)(const struct op_call *call, int64_t i);
    void (*finish)(const struct op_call *call);

    /* The plain loops, for an op whose forward or backward is a fast version; else NULL. */
    void (*forward_reference)(const struct op_call *call);
    void (*backward_reference)(const struct op_call *call);

    /* Fills k (OP_KERNELS_MAX entries) with the dispatches of the call and returns their number.
     * They run in order, each after the one before. Uses only device features in traits; equal
     * arguments give equal dispatches. Does not call Vulkan. */
    int (*kernels)(const struct op_call *call, const struct traits *traits, struct kernel *k);
    /* Number of parts, for a call whose scratch memory holds only some of its numbers at once.
     * Parts run in order, each after the one before; kernels then fills the dispatches of
     * call->part. NULL: one part. */
    int (*parts)(const struct op_call *call);

    /* Floating-point operations of the call, 2 per multiply-add. */
    double (*flops)(const struct op_call *call);
    /* Bytes that the call reads and writes, if not the whole of its operands; else NULL. */
    double (*bytes)(const struct op_call *call);
};

/* Sets the groups for n invocations, `size` per group, folded into (x, y) so that x stays below
 * 65536. The shader recovers its index with shaders/common/grid.glsl and skips the surplus. */
void kernel_groups(struct kernel *k, int64_t n, int64_t size);
void kernel_push(struct kernel *k, const void *push, size_t bytes);

/* The op of an id. Every op file defines `const struct op op_<name>`. */
const struct op *op_of(enum op_id id);
#define OP_DECLARE(name) extern const struct op op_##name;
OP_LIST(OP_DECLARE)
#undef OP_DECLARE

static inline bool op_has(const struct op_call *c, int slot) {
    return c->slot[slot].buffer != 0;
}
static inline bool op_wants(const struct op_call *c, int input) {
    return op_has(c, OP_D_IN + input);
}
static inline bool op_adds(const struct op_call *c, int input) {
    return (c->accumulate >> input & 1) != 0;
}
static inline float *op_f32(const struct op_call *c, int slot) {
    return c->slot[slot].data;
}
static inline int32_t *op_i32(const struct op_call *c, int slot) {
    return c->slot[slot].data;
}
static inline uint8_t *op_u8(const struct op_call *c, int slot) {
    return c->slot[slot].data;
}
static inline const struct tensor *op_tensor(const struct op_call *c, int slot) {
    return &c->slot[slot].tensor;
}
/* Rows and columns of a tensor read as a matrix: all axes but the last, and the last. */
static inline int64_t op_columns(const struct op_call *c, int slot) {
    const struct tensor *t = &c->slot[slot].tensor;
    return t->rank ? t->shape[t->rank - 1] : 1;
}
static inline int64_t op_rows(const struct op_call *c, int slot) {
    const int64_t columns = op_columns(c, slot);
    return columns ? tensor_elements(&c->slot[slot].tensor) / columns : 0;
}

/* Bytes of the operands that a call reads and writes, without scratch memory; a gradient that it
 * adds to counts twice. op_bytes is this, or op.bytes where the op has one. */
double op_operand_bytes(const struct op_call *c);
double op_bytes(const struct op_call *c);

/* Runs a call on the CPU. */
void op_run(const struct op_call *call);

#endif
