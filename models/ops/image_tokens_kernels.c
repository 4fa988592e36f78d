#include "models/ops/image_tokens.h"

#include "models/ops/op_kernels.h"
#include "shaders/params/image_tokens.h"

enum { PATCHES, CLASS_TOKEN, POSITIONS, REGISTERS };

int image_tokens_kernels(const struct op_call *c, const struct traits *t, struct kernel *k) {
    (void)t;
    const struct tensor *patches = op_tensor(c, OP_IN + PATCHES);
    const bool has_registers = op_tensor(c, OP_IN + REGISTERS)->rank > 0;
    const struct image_tokens_params p = {
        .batch = (uint)patches->shape[0],
        .patches = (uint)patches->shape[1],
        .columns = (uint)patches->shape[2],
        .classes = op_tensor(c, OP_IN + CLASS_TOKEN)->rank > 0,
        .registers = has_registers ? (uint)op_rows(c, OP_IN + REGISTERS) : 0,
        .flags = (op_wants(c, CLASS_TOKEN) ? IMAGE_TOKENS_WANTS_CLASS : 0) |
                 (op_wants(c, POSITIONS) ? IMAGE_TOKENS_WANTS_POSITIONS : 0) |
                 (op_wants(c, REGISTERS) ? IMAGE_TOKENS_WANTS_REGISTERS : 0) |
                 (op_adds(c, CLASS_TOKEN) ? IMAGE_TOKENS_ADD_CLASS : 0) |
                 (op_adds(c, POSITIONS) ? IMAGE_TOKENS_ADD_POSITIONS : 0) |
                 (op_adds(c, REGISTERS) ? IMAGE_TOKENS_ADD_REGISTERS : 0) |
                 (op_adds(c, PATCHES) ? IMAGE_TOKENS_ADD_PATCHES : 0),
    };
    const int64_t line = (int64_t)(p.classes + p.registers + p.patches) * p.columns;
    int n = 0;
    if (c->direction == OP_FORWARD) {
        *k = (struct kernel){.shader = "image_tokens_fwd",
                             .n_bindings = 5,
                             .binding = {OP_IN + PATCHES, OP_IN + CLASS_TOKEN, OP_IN + POSITIONS,
                                         OP_IN + REGISTERS, OP_OUT}};
        kernel_groups(k, p.batch * line, 256);
        kernel_push(k, &p, sizeof p);
        return 1;
    }
    if (op_wants(c, PATCHES)) {
        k[n] = (struct kernel){.shader = "image_tokens_bwd_patches",
                               .n_bindings = 2,
                               .binding = {OP_D_OUT, OP_D_IN + PATCHES}};
        kernel_groups(&k[n], tensor_elements(patches), 256);
        kernel_push(&k[n++], &p, sizeof p);
    }
    if (op_wants(c, CLASS_TOKEN) || op_wants(c, POSITIONS) || op_wants(c, REGISTERS)) {
        k[n] = (struct kernel){
            .shader = "image_tokens_bwd",
            .n_bindings = 4,
            .binding = {OP_D_OUT, OP_D_IN + CLASS_TOKEN, OP_D_IN + POSITIONS, OP_D_IN + REGISTERS}};
        kernel_groups(&k[n], line, 256);
        kernel_push(&k[n++], &p, sizeof p);
    }
    return n;
}
