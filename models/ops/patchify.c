#include "models/ops/patchify.h"

#include "shaders/params/patchify.h"

static const struct patchify_options *options_of(const struct op_call *c) {
    return (const struct patchify_options *)c->options;
}

static enum status shape(struct op_call *c, struct error *e) {
    const struct patchify_options *o = options_of(c);
    const struct tensor *pixels = op_tensor(c, OP_IN);
    if (pixels->type != TENSOR_U8 || pixels->rank != 4 || pixels->shape[3] != 3 ||
        pixels->shape[1] != pixels->shape[2])
        return fail(e, STATUS_BAD_ARG,
                    "patchify: pixels; expected bytes (B, S, S, 3), found type %d, rank %d, "
                    "(%lld, %lld, %lld, %lld)",
                    (int)pixels->type, pixels->rank, (long long)pixels->shape[0],
                    (long long)pixels->shape[1], (long long)pixels->shape[2],
                    (long long)pixels->shape[3]);
    const int64_t side = pixels->shape[1], p = o->patch;
    if (p <= 0 || side % p != 0)
        return fail(e, STATUS_BAD_ARG, "patchify: patch; expected a divisor of %lld, found %lld",
                    (long long)side, (long long)p);
    for (int i = 0; i < 3; i++)
        if (!(o->deviation[i] > 0))
            return fail(e, STATUS_BAD_ARG, "patchify: deviation; expected above 0, found %g",
                        (double)o->deviation[i]);
    const int64_t grid = side / p;
    c->slot[OP_OUT].tensor =
        tensor_make(TENSOR_F32, 3, (int64_t[]){pixels->shape[0], grid * grid, 3 * p * p});
    return STATUS_OK;
}

/* Writes the 3 p p numbers of one patch to y. pixels: its upper left corner. */
static void patch_forward(float *y, const uint8_t *pixels, int64_t side,
                          const struct patchify_options *o) {
    const int64_t p = o->patch;
    for (int channel = 0; channel < 3; channel++) {
        const float mean = o->mean[channel], deviation = o->deviation[channel];
        for (int64_t row = 0; row < p; row++, y += p) {
            const uint8_t *from = pixels + row * side * 3 + channel;
            for (int64_t column = 0; column < p; column++)
                y[column] = ((float)from[column * 3] / 255 - mean) / deviation;
        }
    }
}

static void forward(const struct op_call *c) {
    const struct patchify_options *o = options_of(c);
    const struct tensor *t = op_tensor(c, OP_IN);
    const int64_t n_pictures = t->shape[0], side = t->shape[1], p = o->patch, grid = side / p;
    const uint8_t *pixels = op_u8(c, OP_IN);
    float *y = op_f32(c, OP_OUT);
    for (int64_t b = 0; b < n_pictures; b++)
        for (int64_t i = 0; i < grid; i++)
            for (int64_t j = 0; j < grid; j++, y += 3 * p * p)
                patch_forward(y, pixels + ((b * side + i * p) * side + j * p) * 3, side, o);
}

static int kernels(const struct op_call *c, const struct traits *t, struct kernel *k) {
    (void)t;
    const struct patchify_options *o = options_of(c);
    struct patchify_params push = {
        .n = (uint)tensor_elements(op_tensor(c, OP_OUT)),
        .side = (uint)op_tensor(c, OP_IN)->shape[1],
        .patch_side = (uint)o->patch,
    };
    for (int i = 0; i < 3; i++) {
        push.mean[i] = o->mean[i];
        push.deviation[i] = o->deviation[i];
    }
    *k = (struct kernel){.shader = "patchify_fwd", .n_bindings = 2, .binding = {OP_IN, OP_OUT}};
    kernel_groups(k, push.n, 256);
    kernel_push(k, &push, sizeof push);
    return 1;
}

static double flops(const struct op_call *c) {
    return 3.0 * (double)tensor_elements(op_tensor(c, OP_IN));
}

const struct op op_patchify = {
    .name = "patchify",
    .n_inputs = 1,
    .n_outputs = 1,
    .shape = shape,
    .forward = forward,
    .kernels = kernels,
    .flops = flops,
};

int patchify_call(struct graph *g, int pixels, struct patchify_options options) {
    return graph_call(
        g, OP_patchify,
        (int[OP_INPUTS]){pixels, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE},
        &options, sizeof options);
}
