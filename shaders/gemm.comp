#version 450
#extension GL_GOOGLE_include_directive : require
/* The tiled matrix product: C = A B (gemm_nn: gradients of inputs), C = A B' with B stored (n, k)
 * (gemm_nt, B_IS_TURNED: forward products) and C = A' B with A stored (k, m) (gemm_tn, A_IS_TURNED:
 * gradients of weights). A group computes a tile of TILE_M x TILE_N from strips of 16 along k in
 * shared memory. Each thread computes a block of BLOCK x BLOCK of it; the build sets BLOCK to 4 or
 * 8. k rises in every sum, so all sizes of tiles and blocks give the same bits. gemm_kernel.c
 * chooses the sizes: TILE_M TILE_N = BLOCK BLOCK threads, and TILE_M and TILE_N are at least BLOCK
 * BLOCK. */
#include "shaders/common/gemm_operands.glsl"

layout(constant_id = 1) const uint TILE_M = 16 * BLOCK;
layout(constant_id = 2) const uint TILE_N = 16 * BLOCK;
const uint STRIP = 16, LINE_A = TILE_M + 4, LINE_B = TILE_N + 4;
shared float a_tile[STRIP * LINE_A]; /* [k][row] */
shared float b_tile[STRIP * LINE_B]; /* [k][column] */

/* Loads this thread's number i of the tile of A. Neighbouring threads load neighbouring numbers. */
void load_a(uint i, uint a_start, uint row0, uint k0) {
    const uint thread = gl_LocalInvocationIndex, threads = gl_WorkGroupSize.x;
#ifdef A_IS_TURNED
    const uint am = thread % TILE_M, ak = thread / TILE_M + threads / TILE_M * i;
    const uint index = (k0 + ak) * p.a_line + row0 + am;
#else
    const uint ak = thread % STRIP, am = thread / STRIP + threads / STRIP * i;
    const uint index = (row0 + am) * p.a_line + k0 + ak;
#endif
    const bool is_inside = k0 + ak < p.k && row0 + am < p.m;
    a_tile[ak * LINE_A + am] = is_inside ? a[a_start + index] : 0.0;
}

void load_b(uint i, uint b_start, uint column0, uint k0) {
    const uint thread = gl_LocalInvocationIndex, threads = gl_WorkGroupSize.x;
#ifdef B_IS_TURNED
    const uint bk = thread % STRIP, bn = thread / STRIP + threads / STRIP * i;
    const uint index = (column0 + bn) * p.b_line + k0 + bk;
#else
    const uint bn = thread % TILE_N, bk = thread / TILE_N + threads / TILE_N * i;
    const uint index = (k0 + bk) * p.b_line + column0 + bn;
#endif
    const bool is_inside = k0 + bk < p.k && column0 + bn < p.n;
    b_tile[bk * LINE_B + bn] = is_inside ? b_number(b_start + index) : 0.0;
}

/* A thread's block of sums: sums_RC holds columns 4 C to 4 C + 3 of row R. */
#if BLOCK == 8
#define ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define DECLARE(r) vec4 sums_##r##0 = vec4(0), sums_##r##1 = vec4(0);
#define MULTIPLY(r)                          \
    {                                        \
        const float left = a_tile[i + r];    \
        sums_##r##0 += left * line0;         \
        sums_##r##1 += left * line1;         \
    }
#define STORE(r)                                                     \
    store_row(c_start, row0 + my_row + r, column0 + my_column, sums_##r##0); \
    store_row(c_start, row0 + my_row + r, column0 + my_column + 4, sums_##r##1);
#else
#define ROWS(X) X(0) X(1) X(2) X(3)
#define DECLARE(r) vec4 sums_##r##0 = vec4(0);
#define MULTIPLY(r) sums_##r##0 += a_tile[i + r] * line0;
#define STORE(r) store_row(c_start, row0 + my_row + r, column0 + my_column, sums_##r##0);
#endif
ROWS(DECLARE)

/* Adds the products of one k of the strip. */
void multiply(uint k, uint my_row, uint my_column) {
    const uint i = k * LINE_A + my_row, j = k * LINE_B + my_column;
    const vec4 line0 = vec4(b_tile[j], b_tile[j + 1], b_tile[j + 2], b_tile[j + 3]);
#if BLOCK == 8
    const vec4 line1 = vec4(b_tile[j + 4], b_tile[j + 5], b_tile[j + 6], b_tile[j + 7]);
#endif
    ROWS(MULTIPLY)
}

void multiply4(uint k, uint my_row, uint my_column) {
    multiply(k, my_row, my_column);
    multiply(k + 1, my_row, my_column);
    multiply(k + 2, my_row, my_column);
    multiply(k + 3, my_row, my_column);
}

void store_row(uint c_start, uint row, uint column, vec4 sums) {
    if (row >= p.m) return;
    for (uint j = 0; j < 4; j++)
        if (column + j < p.n) store(c_start, row, column + j, sums[j]);
}

void main() {
    const uint tiles_m = (p.m + TILE_M - 1) / TILE_M, tiles_n = (p.n + TILE_N - 1) / TILE_N;
    const uint tiles = tiles_m * tiles_n, product = grid_group() / tiles, tile = grid_group() % tiles;
    if (product >= p.products) return; /* the whole group */
    const uint row0 = tile / tiles_n * TILE_M, column0 = tile % tiles_n * TILE_N;
    const uint outer = product / p.inner_n, inner = product % p.inner_n;
    const uint a_start = p.a_start + outer * p.a_outer + inner * p.a_inner;
    const uint b_start = p.b_start + outer * p.b_outer + inner * p.b_inner;
    const uint c_start = p.c_start + outer * p.c_outer + inner * p.c_inner;
    const uint blocks_n = TILE_N / BLOCK;
    const uint my_row = gl_LocalInvocationIndex / blocks_n * BLOCK;
    const uint my_column = gl_LocalInvocationIndex % blocks_n * BLOCK;
    const uint loads_a = TILE_M * STRIP / gl_WorkGroupSize.x;
    const uint loads_b = TILE_N * STRIP / gl_WorkGroupSize.x;

    const bool is_needed = row0 + my_row < p.m && column0 + my_column < p.n;
    /* No loops inside: lavapipe stops the loops of a thread after 65535 rounds in total. The
     * conditions depend on spec constants only. */
#define LOAD(i)                                                \
    if (loads_a > i) load_a(i, a_start, row0, k0);             \
    if (loads_b > i) load_b(i, b_start, column0, k0);
    for (uint k0 = 0; k0 < p.k; k0 += STRIP) {
        LOAD(0) LOAD(1) LOAD(2) LOAD(3) LOAD(4) LOAD(5) LOAD(6) LOAD(7)
        LOAD(8) LOAD(9) LOAD(10) LOAD(11) LOAD(12) LOAD(13) LOAD(14) LOAD(15)
        barrier();
        if (is_needed) { /* small products fill a part of the tile */
            multiply4(0, my_row, my_column);
            if (k0 + 4 < p.k) multiply4(4, my_row, my_column);
            if (k0 + 8 < p.k) multiply4(8, my_row, my_column);
            if (k0 + 12 < p.k) multiply4(12, my_row, my_column);
        }
        barrier();
    }
    ROWS(STORE)
}
