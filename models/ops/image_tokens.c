#include "models/ops/image_tokens.h"

#include "models/ops/op_kernels.h"

#include <string.h>

enum { PATCHES, CLASS_TOKEN, POSITIONS, REGISTERS };

/* Number of tokens of each kind, and their width. */
struct sizes {
    int64_t batch, patches, columns, classes, registers;
    int64_t line; /* numbers of a picture's tokens */
};

static struct sizes sizes_of(const struct op_call *c) {
    const struct tensor *t = op_tensor(c, OP_IN + PATCHES);
    struct sizes s = {
        .batch = t->shape[0],
        .patches = t->shape[1],
        .columns = t->shape[2],
        .classes = op_tensor(c, OP_IN + CLASS_TOKEN)->rank > 0,
    };
    if (op_tensor(c, OP_IN + REGISTERS)->rank > 0) s.registers = op_rows(c, OP_IN + REGISTERS);
    s.line = (s.classes + s.registers + s.patches) * s.columns;
    return s;
}

static enum status shape(struct op_call *c, struct error *e) {
    static const char *const names[] = {"patches", "class_token", "positions", "registers"};
    const struct tensor *patches = op_tensor(c, OP_IN + PATCHES);
    if (patches->rank != 3)
        return fail(e, STATUS_BAD_ARG, "image_tokens: patches; expected (B, P, C), found rank %d",
                    patches->rank);
    const struct sizes s = sizes_of(c);
    const int64_t expected[] = {tensor_elements(patches), s.columns,
                                (s.classes + s.patches) * s.columns, s.registers * s.columns};
    for (int i = 0; i < 4; i++) {
        const struct tensor *t = op_tensor(c, OP_IN + i);
        if (!op_has(c, OP_IN + i)) continue;
        if (t->type != TENSOR_F32 || tensor_elements(t) != expected[i])
            return fail(e, STATUS_BAD_ARG,
                        "image_tokens: %s; expected %lld float numbers, found %lld of type %d",
                        names[i], (long long)expected[i], (long long)tensor_elements(t),
                        (int)t->type);
    }
    c->slot[OP_OUT].tensor =
        tensor_make(TENSOR_F32, 3, (int64_t[]){s.batch, s.line / s.columns, s.columns});
    return STATUS_OK;
}

static uint64_t backward_reads(const struct op_call *c, uint32_t wanted) {
    (void)c, (void)wanted;
    return 0;
}

static void forward(const struct op_call *c) {
    const struct sizes s = sizes_of(c);
    const int64_t n = s.patches * s.columns, n_registers = s.registers * s.columns;
    const float *positions = op_f32(c, OP_IN + POSITIONS);
    for (int64_t b = 0; b < s.batch; b++) {
        const float *patches = op_f32(c, OP_IN + PATCHES) + b * n, *at = positions;
        float *y = op_f32(c, OP_OUT) + b * s.line;
        if (s.classes) {
            const float *class_token = op_f32(c, OP_IN + CLASS_TOKEN);
            for (int64_t i = 0; i < s.columns; i++) y[i] = class_token[i] + at[i];
            y += s.columns;
            at += s.columns;
        }
        if (s.registers) memcpy(y, op_f32(c, OP_IN + REGISTERS), (size_t)n_registers * sizeof *y);
        y += n_registers;
        for (int64_t i = 0; i < n; i++) y[i] = patches[i] + at[i];
    }
}

/* d (n) = (or +=) the sum over pictures of numbers [first, first + n) of each picture's dy. */
static void sum_pictures(const struct op_call *c, const struct sizes *s, float *d, int64_t first,
                         int64_t n, bool add) {
    if (!add) memset(d, 0, (size_t)n * sizeof *d);
    for (int64_t b = 0; b < s->batch; b++) {
        const float *dy = op_f32(c, OP_D_OUT) + b * s->line + first;
        for (int64_t i = 0; i < n; i++) d[i] += dy[i];
    }
}

static void backward(const struct op_call *c) {
    const struct sizes s = sizes_of(c);
    const int64_t n = s.patches * s.columns, n_class = s.classes * s.columns;
    const int64_t n_registers = s.registers * s.columns, first_patch = n_class + n_registers;
    for (int64_t b = 0; b < s.batch && op_wants(c, PATCHES); b++) {
        const float *dy = op_f32(c, OP_D_OUT) + b * s.line + first_patch;
        float *d = op_f32(c, OP_D_IN + PATCHES) + b * n;
        if (op_adds(c, PATCHES))
            for (int64_t i = 0; i < n; i++) d[i] += dy[i];
        else
            memcpy(d, dy, (size_t)n * sizeof *d);
    }
    if (op_wants(c, CLASS_TOKEN))
        sum_pictures(c, &s, op_f32(c, OP_D_IN + CLASS_TOKEN), 0, n_class, op_adds(c, CLASS_TOKEN));
    if (op_wants(c, REGISTERS))
        sum_pictures(c, &s, op_f32(c, OP_D_IN + REGISTERS), n_class, n_registers,
                     op_adds(c, REGISTERS));
    if (op_wants(c, POSITIONS)) {
        float *d = op_f32(c, OP_D_IN + POSITIONS);
        sum_pictures(c, &s, d, 0, n_class, op_adds(c, POSITIONS));
        sum_pictures(c, &s, d + n_class, first_patch, n, op_adds(c, POSITIONS));
    }
}

static double flops(const struct op_call *c) {
    return (double)tensor_elements(op_tensor(c, OP_OUT));
}

const struct op op_image_tokens = {
    .name = "image_tokens",
    .n_inputs = 4,
    .n_outputs = 1,
    .optional_inputs = 1u << CLASS_TOKEN | 1u << REGISTERS,
    .differentiable = 15,
    .shape = shape,
    .backward_reads = backward_reads,
    .forward = forward,
    .backward = backward,
    .kernels = image_tokens_kernels,
    .flops = flops,
};

int image_tokens_call(struct graph *g, struct image_tokens_inputs in) {
    return graph_call(g, OP_image_tokens,
                      (int[OP_INPUTS]){in.patches, in.class_token, in.positions, in.registers,
                                       GRAPH_NONE, GRAPH_NONE},
                      NULL, 0);
}
