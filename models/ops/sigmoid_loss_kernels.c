/* The scratch memory holds the similarities u v' (n, n), then one or two numbers per row. */
#include "models/ops/op_kernels.h"
#include "models/ops/sigmoid_loss.h"
#include "models/ops/similarity_kernels.h"
#include "shaders/params/sigmoid_loss.h"

enum { U, V, LOGIT_SCALE, LOGIT_BIAS, CAPTION_ID, USABLE };

static void row_kernel(struct kernel *k, bool is_forward, uint n) {
    const struct sigmoid_loss_params p = {.n = n, .lanes = op_kernels_lanes(n)};
    *k = (struct kernel){.shader = is_forward ? "sigmoid_loss_fwd" : "sigmoid_loss_bwd",
                         .n_bindings = is_forward ? 5 : 6,
                         .binding = {OP_SCRATCH, OP_IN + LOGIT_SCALE, OP_IN + LOGIT_BIAS,
                                     OP_IN + CAPTION_ID, OP_IN + USABLE, OP_D_OUT}};
    op_kernels_row_groups(k, n, p.lanes);
    kernel_push(k, &p, sizeof p);
}

int sigmoid_loss_kernels(const struct op_call *c, struct kernel *k) {
    const uint n = (uint)op_rows(c, OP_IN + U);
    const int64_t end = (int64_t)n * n; /* of the similarities */
    int count = 0;
    similarity_kernels_forward(&k[count++], c);
    if (c->direction == OP_FORWARD) {
        row_kernel(&k[count++], true, n);
        op_kernels_total(&k[count++], OP_SCRATCH, end, n, OP_OUT, 1, false);
        return count;
    }
    row_kernel(&k[count++], false, n);
    if (op_wants(c, U)) similarity_kernels_backward(&k[count++], c, U);
    if (op_wants(c, V)) similarity_kernels_backward(&k[count++], c, V);
    if (op_wants(c, LOGIT_SCALE))
        op_kernels_total(&k[count++], OP_SCRATCH, end, n, OP_D_IN + LOGIT_SCALE, 1,
                         op_adds(c, LOGIT_SCALE));
    if (op_wants(c, LOGIT_BIAS))
        op_kernels_total(&k[count++], OP_SCRATCH, end + n, n, OP_D_IN + LOGIT_BIAS, 1,
                         op_adds(c, LOGIT_BIAS));
    return count;
}
