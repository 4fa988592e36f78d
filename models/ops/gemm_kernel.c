#include "models/ops/gemm_kernel.h"

void gemm_kernel_fill(struct kernel *k, const struct gemm_kernel *g) {
    static const char *const shaders[] = {"gemm_nt", "gemm_nn", "gemm_tn"};
    struct gemm_params p = g->params;
    if (!p.inner_n) p.inner_n = 1;
    if (!p.a_line) p.a_line = g->layout == GEMM_TN ? p.m : p.k;
    if (!p.b_line) p.b_line = g->layout == GEMM_NT ? p.k : p.n;
    if (!p.c_line) p.c_line = p.n;
    *k = (struct kernel){
        .shader = shaders[g->layout],
        .n_bindings = 5,
        .binding = {g->a, g->b, g->c, p.flags & GEMM_BIAS ? g->bias : g->a,
                    p.flags & GEMM_RESIDUAL ? g->residual : g->a},
    };
    const int64_t tiles_m = (p.m + GEMM_TILE - 1) / GEMM_TILE;
    const int64_t tiles_n = (p.n + GEMM_TILE - 1) / GEMM_TILE;
    kernel_groups(k, tiles_m * tiles_n, 1);
    k->groups[2] = g->n_products ? g->n_products : 1;
    kernel_push(k, &p, sizeof p);
}
