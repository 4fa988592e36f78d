#include "models/ops/gemm_kernel.h"

/* Up to NARROW columns most of a tile would be empty. Up to SMALL multiply-adds the barriers of
 * tiles cost more than they save: on software devices 2 to 30 times the time. */
enum { NARROW = 16, SMALL = 1 << 20 };

/* Sizes of a group's tile and of a thread's block in it, one per build of shaders/gemm.comp. */
struct tile {
    uint m, n, block;
};

static uint tile_threads(const struct tile *t) {
    return t->m * t->n / (t->block * t->block);
}

/* Bytes of the two strips in shared memory, with four numbers of padding per line. */
static uint tile_shared_bytes(const struct tile *t) {
    enum { STRIP = 16, PADDING = 4 };
    return STRIP * (t->m + t->n + 2 * PADDING) * (uint)sizeof(float);
}

static int64_t tile_groups(const struct tile *t, const struct gemm_params *p) {
    const int64_t tiles_m = (p->m + t->m - 1) / t->m, tiles_n = (p->n + t->n - 1) / t->n;
    return tiles_m * tiles_n * p->products;
}

/* The largest tile that fits the device, is not mostly empty and, except for the small blocks,
 * keeps the device busy; NULL: none. All tiles give the same bits. */
static const struct tile *choose_tile(const struct traits *t, const struct gemm_params *p) {
    static const struct tile tiles[] = {
        {128, 128, 8}, {64, 64, 4}, {64, 32, 4}, {32, 64, 4}, {32, 32, 4}};
    for (size_t i = 0; i < sizeof tiles / sizeof *tiles; i++) {
        const struct tile *tile = &tiles[i];
        if (tile_threads(tile) > t->threads || tile_shared_bytes(tile) > t->shared_bytes) continue;
        if (tile->block > 4 && tile_groups(tile, p) < t->groups) continue;
        const bool is_last = tile->m == 32 && tile->n == 32;
        if (is_last || (p->m > tile->m / 2 && p->n > tile->n / 2)) return tile;
    }
    return NULL;
}

void gemm_kernel_fill(struct kernel *k, const struct traits *t, const struct gemm_kernel *g) {
    /* B of floats; of 16-bit numbers; of 16-bit numbers in words of two, for a device without
     * 16-bit loads. */
    enum { FLOATS, HALVES, WORDS };
    static const char *const shaders[3][3][3] = {
        {{"gemm_small", "gemm_small", "gemm_small"},
         {"gemm_nt", "gemm_nn", "gemm_tn"},
         {"gemm_nt_8", "gemm_nn_8", "gemm_tn_8"}},
        {{"gemm_small_16", "gemm_small_16"},
         {"gemm_nt_16", "gemm_nn_16"},
         {"gemm_nt_8_16", "gemm_nn_8_16"}},
        {{"gemm_small_words", "gemm_small_words"},
         {"gemm_nt_words", "gemm_nn_words"},
         {"gemm_nt_8_words", "gemm_nn_8_words"}}};
    const int storage = g->b_type == TENSOR_F32 ? FLOATS : t->tier >= 1 ? HALVES : WORDS;
    struct gemm_params p = g->params;
    if (!p.products) p.products = 1;
    if (!p.inner_n) p.inner_n = 1;
    if (!p.a_line) p.a_line = g->layout == GEMM_TN ? p.m : p.k;
    if (!p.b_line) p.b_line = g->layout == GEMM_NT ? p.k : p.n;
    if (!p.c_line) p.c_line = p.n;
    const bool is_small = p.m <= NARROW || p.n <= NARROW || (int64_t)p.m * p.n * p.k <= SMALL;
    const struct tile *tile = is_small ? NULL : choose_tile(t, &p);
    if (!tile && g->layout == GEMM_TN) p.flags |= GEMM_A_TURNED;
    if (!tile && g->layout == GEMM_NT) p.flags |= GEMM_B_TURNED;
    *k = (struct kernel){
        .shader = shaders[storage][tile ? tile->block / 4 : 0][g->layout],
        .n_bindings = 5,
        .binding = {g->a, g->b, g->c, p.flags & GEMM_BIAS ? g->bias : g->a,
                    p.flags & GEMM_RESIDUAL ? g->residual : g->a},
    };
    if (tile) {
        k->threads = tile_threads(tile);
        k->spec[0] = tile->m;
        k->spec[1] = tile->n;
        kernel_groups(k, tile_groups(tile, &p), 1);
    } else {
        kernel_groups(k, (int64_t)p.m * p.n * p.products, KERNEL_THREADS);
    }
    k->spec[2] = g->b_type == TENSOR_BF16;
    CHECK(k->shader != NULL);
    kernel_push(k, &p, sizeof p);
}
