#include "models/ops/gemm_kernel.h"

/* Up to this width most of a tile would be empty, and up to this number of multiply-adds a tile's
 * barriers cost more than they save: on software devices 2 to 30 times the time. */
enum { NARROW = 16, SMALL = 1 << 20 };

void gemm_kernel_fill(struct kernel *k, const struct gemm_kernel *g) {
    static const char *const shaders[] = {"gemm_nt", "gemm_nn", "gemm_tn"};
    struct gemm_params p = g->params;
    const bool is_small = p.m <= NARROW || p.n <= NARROW || (int64_t)p.m * p.n * p.k <= SMALL;
    if (!p.products) p.products = 1;
    if (!p.inner_n) p.inner_n = 1;
    if (!p.a_line) p.a_line = g->layout == GEMM_TN ? p.m : p.k;
    if (!p.b_line) p.b_line = g->layout == GEMM_NT ? p.k : p.n;
    if (!p.c_line) p.c_line = p.n;
    if (is_small && g->layout == GEMM_TN) p.flags |= GEMM_A_TURNED;
    if (is_small && g->layout == GEMM_NT) p.flags |= GEMM_B_TURNED;
    *k = (struct kernel){
        .shader = is_small ? "gemm_small" : shaders[g->layout],
        .n_bindings = 5,
        .binding = {g->a, g->b, g->c, p.flags & GEMM_BIAS ? g->bias : g->a,
                    p.flags & GEMM_RESIDUAL ? g->residual : g->a},
    };
    const int64_t tiles_m = (p.m + GEMM_TILE - 1) / GEMM_TILE;
    const int64_t tiles_n = (p.n + GEMM_TILE - 1) / GEMM_TILE;
    if (is_small)
        kernel_groups(k, (int64_t)p.m * p.n * p.products, 256);
    else
        kernel_groups(k, tiles_m * tiles_n * p.products, 1);
    kernel_push(k, &p, sizeof p);
}
