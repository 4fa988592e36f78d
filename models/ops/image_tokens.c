#include "models/ops/image_tokens.h"

#include "models/ops/op_kernels.h"

#include <string.h>

enum { PATCHES, CLASS_TOKEN, POSITIONS };

static enum status shape(struct op_call *c, struct error *e) {
    static const char *const names[] = {"patches", "class_token", "positions"};
    const struct tensor *patches = op_tensor(c, OP_IN + PATCHES);
    if (patches->rank != 3)
        return fail(e, STATUS_BAD_ARG, "image_tokens: patches; expected (B, P, C), found rank %d",
                    patches->rank);
    const int64_t n_patches = patches->shape[1], columns = patches->shape[2];
    const int64_t expected[] = {tensor_elements(patches), columns, (n_patches + 1) * columns};
    for (int i = 0; i < 3; i++) {
        const struct tensor *t = op_tensor(c, OP_IN + i);
        if (t->type != TENSOR_F32 || tensor_elements(t) != expected[i])
            return fail(e, STATUS_BAD_ARG,
                        "image_tokens: %s; expected %lld float numbers, found %lld of type %d",
                        names[i], (long long)expected[i], (long long)tensor_elements(t),
                        (int)t->type);
    }
    c->slot[OP_OUT].tensor =
        tensor_make(TENSOR_F32, 3, (int64_t[]){patches->shape[0], n_patches + 1, columns});
    return STATUS_OK;
}

static uint64_t backward_reads(const struct op_call *c, uint32_t wanted) {
    (void)c, (void)wanted;
    return 0;
}

static void forward(const struct op_call *c) {
    const struct tensor *t = op_tensor(c, OP_IN + PATCHES);
    const int64_t n_pictures = t->shape[0], columns = t->shape[2], n = t->shape[1] * columns;
    const float *class_token = op_f32(c, OP_IN + CLASS_TOKEN);
    const float *positions = op_f32(c, OP_IN + POSITIONS);
    for (int64_t b = 0; b < n_pictures; b++) {
        const float *patches = op_f32(c, OP_IN + PATCHES) + b * n;
        float *y = op_f32(c, OP_OUT) + b * (n + columns);
        for (int64_t i = 0; i < columns; i++) y[i] = class_token[i] + positions[i];
        for (int64_t i = 0; i < n; i++) y[columns + i] = patches[i] + positions[columns + i];
    }
}

/* d (n) = or += the sum over pictures of the first n numbers of each picture's dy. */
static void sum_pictures(const struct op_call *c, int input, int64_t n) {
    const struct tensor *t = op_tensor(c, OP_IN + PATCHES);
    const int64_t n_pictures = t->shape[0], stride = (t->shape[1] + 1) * t->shape[2];
    float *d = op_f32(c, OP_D_IN + input);
    if (!op_adds(c, input)) memset(d, 0, (size_t)n * sizeof *d);
    for (int64_t b = 0; b < n_pictures; b++) {
        const float *dy = op_f32(c, OP_D_OUT) + b * stride;
        for (int64_t i = 0; i < n; i++) d[i] += dy[i];
    }
}

static void backward(const struct op_call *c) {
    const struct tensor *t = op_tensor(c, OP_IN + PATCHES);
    const int64_t n_pictures = t->shape[0], columns = t->shape[2], n = t->shape[1] * columns;
    for (int64_t b = 0; b < n_pictures && op_wants(c, PATCHES); b++) {
        const float *dy = op_f32(c, OP_D_OUT) + b * (n + columns) + columns;
        float *d = op_f32(c, OP_D_IN + PATCHES) + b * n;
        if (op_adds(c, PATCHES))
            for (int64_t i = 0; i < n; i++) d[i] += dy[i];
        else
            memcpy(d, dy, (size_t)n * sizeof *d);
    }
    if (op_wants(c, CLASS_TOKEN)) sum_pictures(c, CLASS_TOKEN, columns);
    if (op_wants(c, POSITIONS)) sum_pictures(c, POSITIONS, n + columns);
}

static double flops(const struct op_call *c) {
    return (double)tensor_elements(op_tensor(c, OP_OUT));
}

const struct op op_image_tokens = {
    .name = "image_tokens",
    .n_inputs = 3,
    .n_outputs = 1,
    .differentiable = 7,
    .shape = shape,
    .backward_reads = backward_reads,
    .forward = forward,
    .backward = backward,
    .kernels = image_tokens_kernels,
    .flops = flops,
};

int image_tokens_call(struct graph *g, int patches, int class_token, int positions) {
    return graph_call(
        g, OP_image_tokens,
        (int[OP_INPUTS]){patches, class_token, positions, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE}, NULL,
        0);
}
