#include "models/ops/text_tokens.h"

#include "models/ops/op_kernels.h"
#include "shaders/params/text_tokens.h"

enum { IDS, TABLE, POSITIONS };

int text_tokens_kernels(const struct op_call *c, const struct traits *t, struct kernel *k) {
    (void)t;
    const struct tensor *ids = op_tensor(c, OP_IN + IDS), *table = op_tensor(c, OP_IN + TABLE);
    const struct text_tokens_params p = {
        .batch = (uint)ids->shape[0],
        .tokens = (uint)ids->shape[1],
        .columns = (uint)table->shape[1],
        .positions = (uint)op_tensor(c, OP_IN + POSITIONS)->shape[0],
        .accumulate = op_adds(c, POSITIONS),
    };
    int n = 0;
    if (c->direction == OP_FORWARD) {
        *k = (struct kernel){.shader = "text_tokens_fwd",
                             .n_bindings = 4,
                             .binding = {OP_IN + IDS, OP_IN + TABLE, OP_IN + POSITIONS, OP_OUT}};
        kernel_groups(k, (int64_t)p.batch * p.tokens * p.columns, 256);
        kernel_push(k, &p, sizeof p);
        return 1;
    }
    if (op_wants(c, TABLE)) {
        if (!op_adds(c, TABLE))
            op_kernels_fill(&k[n++], OP_D_IN + TABLE, tensor_elements(table), 0);
        op_kernels_scatter(&k[n++], OP_IN + IDS, OP_D_OUT, OP_D_IN + TABLE,
                           (int64_t)p.batch * p.tokens, p.columns, op_adds(c, TABLE));
    }
    if (op_wants(c, POSITIONS)) {
        k[n] = (struct kernel){.shader = "text_tokens_bwd",
                               .n_bindings = 2,
                               .binding = {OP_D_OUT, OP_D_IN + POSITIONS}};
        kernel_groups(&k[n], (int64_t)p.positions * p.columns, 256);
        kernel_push(&k[n++], &p, sizeof p);
    }
    return n;
}
