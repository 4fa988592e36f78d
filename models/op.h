/* op: what an operation is, and one call of it with its operands resolved.
 *
 * An operand has a fixed slot. Forward reads inputs and writes outputs and saved tensors. Backward
 * gets the gradients of the outputs (d_out), what op.backward_reads asked for, and writes the
 * wanted gradients of the inputs (d_in). A gradient is overwritten, or added to where
 * accumulate has its bit: the first contribution overwrites, so no buffer is cleared first.
 * Absent optional operands have no buffer. Backward knows the types and shapes of all operands of
 * the forward call, also of those whose memory it did not ask for. A saved tensor to which the
 * shape rule gives 0 elements is not made.
 *
 * In-place operations (optimiser, moving averages) name the same tensor as input and output; only
 * tensors outside the activation arena may be used so. */
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
    KERNEL_THREADS = 256, /* of a group, unless a kernel says otherwise */
};

enum op_direction { OP_FORWARD, OP_BACKWARD };

enum op_id {
#define OP_ENUM(name) OP_##name,
    OP_LIST(OP_ENUM)
#undef OP_ENUM
        OP_COUNT
};

/* Which buffer an operand is found in when the same calls run for another slice: struct work_place
 * of backend.h names one of each kind. */
enum op_base {
    OP_BASE_FIXED, /* always the same buffer */
    OP_BASE_ARENA, /* the activations of the slice */
    OP_BASE_BLOCK, /* the block that gets the gradients of the slice */
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
    int part;            /* for kernels: which part of the call, below op.parts */
    struct op_operand slot[OP_SLOTS];
    _Alignas(8) unsigned char options[OP_OPTION_BYTES]; /* struct <name>_options of the op */
};

/* One dispatch: a shader by the name of its build (shaders/embed.cmake; most have one, named like
 * their file), bindings in the order of its declarations. An absent operand may be bound (some
 * other memory is bound in its place); the shader must not touch it and learns that from the push
 * constants, a struct of shaders/params/<op>.h. */
struct kernel {
    const char *shader;
    uint32_t threads;               /* of a group, the shader's constant 0; 0: KERNEL_THREADS */
    uint32_t spec[KERNEL_SPEC_MAX]; /* its constants 1, 2, ...; 0: the shader's own */
    uint32_t subgroup; /* 0: any; else full subgroups of so many threads, traits.subgroup */
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

    /* Bit mask of the slots (inputs, outputs, saved) that backward reads, given which d_in slots
     * are wanted (their buffer or tensor set as by op_wants). NULL: the op has no gradient. */
    uint64_t (*backward_reads)(const struct op_call *call, uint32_t wanted);
    /* Inputs that can have a gradient: bit i. */
    uint32_t differentiable;

    /* Scratch bytes that a call needs; NULL: none. */
    int64_t (*scratch_bytes)(const struct op_call *call);

    void (*forward)(const struct op_call *call);  /* CPU */
    void (*backward)(const struct op_call *call); /* CPU */
    /* How the CPU gives one forward call to all its threads; the pieces do not depend on their
     * number, so the bits do not. each_number: every output number depends on the numbers at its
     * place in the operands of its size; a piece is forward over some of them. pieces: their
     * number; piece does one, in any order, and finish follows when all are done. Neither: one
     * thread does all. */
    bool each_number;
    int64_t (*pieces)(const struct op_call *call);
    void (*piece)(const struct op_call *call, int64_t i);
    void (*finish)(const struct op_call *call);

    /* Plain loops, where forward or backward are not plain themselves; NULL: they are. */
    void (*forward_reference)(const struct op_call *call);
    void (*backward_reference)(const struct op_call *call);

    /* Fills k (OP_KERNELS_MAX entries) with the dispatches of the call, in order, each waiting for
     * the one before; returns their number. May use of the device what traits say, and gives the
     * same for the same arguments. Does not call Vulkan. */
    int (*kernels)(const struct op_call *call, const struct traits *traits, struct kernel *k);
    /* A call over more numbers than its scratch memory holds at once runs in parts, each waiting
     * for the one before; kernels then fills the dispatches of call->part. NULL: one part. */
    int (*parts)(const struct op_call *call);

    /* Floating-point operations of the call, 2 per multiply-add. */
    double (*flops)(const struct op_call *call);
    /* Bytes that the call reads and writes, where these are not all of its operands; else NULL. */
    double (*bytes)(const struct op_call *call);
};

/* Groups for n invocations in groups of size, folded into (x, y) so that x stays below 65536; the
 * shader gets its number back from shaders/common/grid.glsl and guards the rest. */
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

/* Bytes of the operands that a call reads and writes, scratch memory left out; a gradient that it
 * adds to counts twice. What op.bytes starts from, and what it is without. */
double op_operand_bytes(const struct op_call *c);
double op_bytes(const struct op_call *c);

/* Runs a call on the CPU. */
void op_run(const struct op_call *call);

#endif
