/* Scratch memory holds the similarities u v' (n, n) or a tile of their rows, then one or two
 * numbers per row. Each part of a call is a tile. */
#include "models/ops/op_kernels.h"
#include "models/ops/sigmoid_loss.h"
#include "models/ops/similarity_tiles.h"
#include "shaders/params/sigmoid_loss.h"

enum { U, V, LOGIT_SCALE, LOGIT_BIAS, CAPTION_ID, USABLE };

int sigmoid_loss_parts(const struct op_call *c) {
    return similarity_tiles(op_rows(c, OP_IN + U));
}

int sigmoid_loss_kernels(const struct op_call *c, const struct traits *t, struct kernel *k) {
    const uint n = (uint)op_rows(c, OP_IN + U), first = (uint)c->part * SIMILARITY_ROWS;
    const int64_t terms = similarity_rows(n, 0) * n;
    const bool is_forward = c->direction == OP_FORWARD;
    const bool is_last = c->part == sigmoid_loss_parts(c) - 1;
    const struct sigmoid_loss_params p = {.n = n,
                                          .first = first,
                                          .rows = (uint)similarity_rows(n, first),
                                          .terms = (uint)terms,
                                          .lanes = op_kernels_lanes(n)};
    int count = 0;
    similarity_kernels_forward(&k[count++], t, c, U, first);
    k[count] = (struct kernel){.shader = is_forward ? "sigmoid_loss_fwd" : "sigmoid_loss_bwd",
                               .n_bindings = is_forward ? 5 : 6,
                               .binding = {OP_SCRATCH, OP_IN + LOGIT_SCALE, OP_IN + LOGIT_BIAS,
                                           OP_IN + CAPTION_ID, OP_IN + USABLE, OP_D_OUT}};
    op_kernels_row_groups(&k[count], p.rows, p.lanes);
    kernel_push(&k[count++], &p, sizeof p);
    if (is_forward) {
        if (is_last) op_kernels_total(&k[count++], OP_SCRATCH, terms, n, OP_OUT, 1, false);
        return count;
    }
    if (op_wants(c, U)) similarity_kernels_backward(&k[count++], t, c, U, first);
    if (op_wants(c, V)) similarity_kernels_backward(&k[count++], t, c, V, first);
    if (op_wants(c, LOGIT_SCALE) && is_last)
        op_kernels_total(&k[count++], OP_SCRATCH, terms, n, OP_D_IN + LOGIT_SCALE, 1,
                         op_adds(c, LOGIT_SCALE));
    if (op_wants(c, LOGIT_BIAS) && is_last)
        op_kernels_total(&k[count++], OP_SCRATCH, terms + n, n, OP_D_IN + LOGIT_BIAS, 1,
                         op_adds(c, LOGIT_BIAS));
    return count;
}
