/* Scratch memory holds the similarities (n, n) or a tile of their rows, then one number per row and
 * per column. A call that fits into one tile is one part. With more samples, forward runs over the
 * rows of u v' and then over the rows of v u', which are the columns; backward runs over the
 * rows. */
#include "models/ops/contrastive_loss.h"

#include "models/ops/op_kernels.h"
#include "models/ops/similarity_tiles.h"
#include "shaders/params/contrastive_loss.h"

enum { U, V, LOGIT_SCALE, CAPTION_ID, USABLE };

int contrastive_loss_parts(const struct op_call *c) {
    const int tiles = similarity_tiles(op_rows(c, OP_IN + U));
    return c->direction == OP_FORWARD && tiles > 1 ? 2 * tiles : tiles;
}

static struct contrastive_loss_params params_of(uint n, uint first) {
    const uint rows = (uint)similarity_rows(n, first);
    return (struct contrastive_loss_params){.n = n,
                                            .first = first,
                                            .rows = rows,
                                            .line = n,
                                            .item = 1,
                                            .terms = (uint)similarity_rows(n, 0) * n,
                                            .lanes = op_kernels_lanes(n)};
}

/* Writes lse and loss terms of the cross-entropy of rows or of columns. is_turned: the matrix is v
 * u', so its rows are the columns. */
static void forward_kernel(struct kernel *k, uint n, uint first, bool is_column, bool is_turned) {
    struct contrastive_loss_params p = params_of(n, first);
    if (is_column && !is_turned) {
        p.line = 1;
        p.item = n;
    }
    if (is_column) p.terms += n;
    *k = (struct kernel){.shader = "contrastive_loss_fwd",
                         .n_bindings = 5,
                         .binding = {OP_SCRATCH, OP_IN + LOGIT_SCALE, OP_IN + CAPTION_ID,
                                     OP_IN + USABLE, is_column ? OP_SAVE + 1 : OP_SAVE}};
    op_kernels_row_groups(k, p.rows, p.lanes);
    kernel_push(k, &p, sizeof p);
}

static void backward_kernel(struct kernel *k, uint n, uint first) {
    const struct contrastive_loss_params p = params_of(n, first);
    *k = (struct kernel){.shader = "contrastive_loss_bwd",
                         .n_bindings = 7,
                         .binding = {OP_SCRATCH, OP_IN + LOGIT_SCALE, OP_IN + CAPTION_ID,
                                     OP_IN + USABLE, OP_SAVE, OP_SAVE + 1, OP_D_OUT}};
    op_kernels_row_groups(k, p.rows, p.lanes);
    kernel_push(k, &p, sizeof p);
}

int contrastive_loss_kernels(const struct op_call *c, const struct traits *t, struct kernel *k) {
    const uint n = (uint)op_rows(c, OP_IN + U);
    const int tiles = similarity_tiles(n), parts = contrastive_loss_parts(c);
    const bool is_turned = c->part >= tiles, is_last = c->part == parts - 1;
    const uint first = (uint)(c->part % tiles) * SIMILARITY_ROWS;
    const int64_t terms = params_of(n, 0).terms;
    int count = 0;
    similarity_kernels_forward(&k[count++], t, c, is_turned ? V : U, first);
    if (c->direction == OP_FORWARD) {
        forward_kernel(&k[count++], n, first, is_turned, is_turned);
        if (tiles == 1) forward_kernel(&k[count++], n, 0, true, false);
        if (is_last)
            op_kernels_total(&k[count++], OP_SCRATCH, terms, 2 * (int64_t)n, OP_OUT, 1, false);
        return count;
    }
    backward_kernel(&k[count++], n, first);
    if (op_wants(c, U)) similarity_kernels_backward(&k[count++], t, c, U, first);
    if (op_wants(c, V)) similarity_kernels_backward(&k[count++], t, c, V, first);
    if (op_wants(c, LOGIT_SCALE) && is_last)
        op_kernels_total(&k[count++], OP_SCRATCH, terms, n, OP_D_IN + LOGIT_SCALE, 1,
                         op_adds(c, LOGIT_SCALE));
    return count;
}
