/* The scratch memory holds the similarities u v' (n, n), and one number per row and per column. */
#include "models/ops/contrastive_loss.h"

#include "models/ops/op_kernels.h"
#include "models/ops/similarity_kernels.h"
#include "shaders/params/contrastive_loss.h"

enum { U, V, LOGIT_SCALE, CAPTION_ID, USABLE };

/* Cross-entropy of the rows, or of the columns, into lse and into the terms of the loss. */
static void forward_kernel(struct kernel *k, uint n, bool is_column) {
    const struct contrastive_loss_params p = {
        .n = n,
        .line = is_column ? 1 : n,
        .item = is_column ? n : 1,
        .terms = is_column ? n * n + n : n * n,
        .lanes = op_kernels_lanes(n),
    };
    *k = (struct kernel){.shader = "contrastive_loss_fwd",
                         .n_bindings = 5,
                         .binding = {OP_SCRATCH, OP_IN + LOGIT_SCALE, OP_IN + CAPTION_ID,
                                     OP_IN + USABLE, is_column ? OP_SAVE + 1 : OP_SAVE}};
    op_kernels_row_groups(k, n, p.lanes);
    kernel_push(k, &p, sizeof p);
}

static void backward_kernel(struct kernel *k, uint n) {
    const struct contrastive_loss_params p = {
        .n = n, .line = n, .item = 1, .terms = n * n, .lanes = op_kernels_lanes(n)};
    *k = (struct kernel){.shader = "contrastive_loss_bwd",
                         .n_bindings = 7,
                         .binding = {OP_SCRATCH, OP_IN + LOGIT_SCALE, OP_IN + CAPTION_ID,
                                     OP_IN + USABLE, OP_SAVE, OP_SAVE + 1, OP_D_OUT}};
    op_kernels_row_groups(k, n, p.lanes);
    kernel_push(k, &p, sizeof p);
}

int contrastive_loss_kernels(const struct op_call *c, struct kernel *k) {
    const uint n = (uint)op_rows(c, OP_IN + U);
    int count = 0;
    similarity_kernels_forward(&k[count++], c);
    if (c->direction == OP_FORWARD) {
        forward_kernel(&k[count++], n, false);
        forward_kernel(&k[count++], n, true);
        op_kernels_total(&k[count++], OP_SCRATCH, (int64_t)n * n, 2 * (int64_t)n, OP_OUT, 1, false);
        return count;
    }
    backward_kernel(&k[count++], n);
    if (op_wants(c, U)) similarity_kernels_backward(&k[count++], c, U);
    if (op_wants(c, V)) similarity_kernels_backward(&k[count++], c, V);
    if (op_wants(c, LOGIT_SCALE))
        op_kernels_total(&k[count++], OP_SCRATCH, (int64_t)n * n, n, OP_D_IN + LOGIT_SCALE, 1,
                         op_adds(c, LOGIT_SCALE));
    return count;
}
