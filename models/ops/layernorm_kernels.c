#include "models/ops/layernorm.h"

#include "models/ops/op_kernels.h"
#include "shaders/params/layernorm.h"

enum {
    X,
    GAIN,
    BIAS,
    COLUMNS_PER_GROUP = 32 /* COLUMN_WIDTH of shaders/common/column.glsl */
};

int layernorm_kernels(const struct op_call *c, const struct traits *t, struct kernel *k) {
    struct layernorm_params p = {
        .rows = (uint)op_rows(c, OP_IN + X),
        .columns = (uint)op_columns(c, OP_IN + X),
        .lanes = op_kernels_lanes(op_columns(c, OP_IN + X)),
        .epsilon = ((const struct layernorm_options *)c->options)->epsilon,
    };
    int n = 0;
    if (c->direction == OP_FORWARD) {
        *k = (struct kernel){
            .shader = "layernorm_fwd",
            .n_bindings = 5,
            .binding = {OP_IN + X, OP_IN + GAIN, OP_IN + BIAS, OP_OUT, OP_SAVE},
        };
        op_kernels_row_groups(k, p.rows, p.lanes);
        op_kernels_row_subgroup(k, t, p.lanes, "layernorm_fwd_subgroup");
        kernel_push(k, &p, sizeof p);
        return 1;
    }
    if (op_wants(c, X)) {
        p.flags = op_adds(c, X) ? LAYERNORM_ADD_X : 0;
        k[n] = (struct kernel){
            .shader = "layernorm_bwd",
            .n_bindings = 5,
            .binding = {OP_IN + X, OP_IN + GAIN, OP_SAVE, OP_D_OUT, OP_D_IN + X},
        };
        op_kernels_row_groups(&k[n], p.rows, p.lanes);
        op_kernels_row_subgroup(&k[n], t, p.lanes, "layernorm_bwd_subgroup");
        kernel_push(&k[n++], &p, sizeof p);
    }
    if (op_wants(c, GAIN) || op_wants(c, BIAS)) {
        p.flags = (op_wants(c, GAIN) ? LAYERNORM_WANTS_GAIN : 0) |
                  (op_wants(c, BIAS) ? LAYERNORM_WANTS_BIAS : 0) |
                  (op_adds(c, GAIN) ? LAYERNORM_ADD_GAIN : 0) |
                  (op_adds(c, BIAS) ? LAYERNORM_ADD_BIAS : 0);
        k[n] = (struct kernel){
            .shader = "layernorm_bwd_columns",
            .n_bindings = 5,
            .binding = {OP_IN + X, OP_SAVE, OP_D_OUT, OP_D_IN + GAIN, OP_D_IN + BIAS},
        };
        kernel_groups(&k[n], p.columns, COLUMNS_PER_GROUP);
        kernel_push(&k[n++], &p, sizeof p);
    }
    return n;
}
