/* The tiled matrix product behind gemm_nt, gemm_nn and gemm_tn. A group of 256 threads forms a tile
 * of 64 x 64, each thread 4 x 4 of it, from strips of 16 along k in shared memory; k rises, so the
 * order of each sum is fixed. A_IS_TURNED: A is stored (k, m); B_IS_TURNED: B is stored (n, k). */
#include "shaders/common/gemm_operands.glsl"

const uint TILE = GEMM_TILE, STRIP = 16, LINE = TILE + 4;
shared float a_tile[STRIP * LINE]; /* [k][row] */
shared float b_tile[STRIP * LINE]; /* [k][column] */

/* Loads numbers i of the four of each tile that this thread brings. */
void load(uint i, uint a_start, uint b_start, uint row0, uint column0, uint k0) {
    const uint thread = gl_LocalInvocationIndex;
    const uint along = thread % STRIP, across = thread / STRIP + 16 * i; /* lines along k */
    const uint wide = thread % TILE, deep = thread / TILE + 4 * i;       /* lines across k */
#ifdef A_IS_TURNED
    const uint ak = deep, am = wide, a_index = (k0 + ak) * p.a_line + row0 + am;
#else
    const uint ak = along, am = across, a_index = (row0 + am) * p.a_line + k0 + ak;
#endif
    const bool a_inside = k0 + ak < p.k && row0 + am < p.m;
    a_tile[ak * LINE + am] = a_inside ? a[a_start + a_index] : 0.0;
#ifdef B_IS_TURNED
    const uint bk = along, bn = across, b_index = (column0 + bn) * p.b_line + k0 + bk;
#else
    const uint bk = deep, bn = wide, b_index = (k0 + bk) * p.b_line + column0 + bn;
#endif
    const bool b_inside = k0 + bk < p.k && column0 + bn < p.n;
    b_tile[bk * LINE + bn] = b_inside ? b[b_start + b_index] : 0.0;
}

vec4 sums0 = vec4(0), sums1 = vec4(0), sums2 = vec4(0), sums3 = vec4(0); /* rows of this thread */

/* One k of the strip. */
void multiply(uint k, uint my_row, uint my_column) {
    const uint i = k * LINE + my_row, j = k * LINE + my_column;
    const vec4 line = vec4(b_tile[j], b_tile[j + 1], b_tile[j + 2], b_tile[j + 3]);
    sums0 += a_tile[i] * line;
    sums1 += a_tile[i + 1] * line;
    sums2 += a_tile[i + 2] * line;
    sums3 += a_tile[i + 3] * line;
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
    const uint tiles_m = (p.m + TILE - 1) / TILE, tiles_n = (p.n + TILE - 1) / TILE;
    const uint tiles = tiles_m * tiles_n, product = grid_group() / tiles, tile = grid_group() % tiles;
    if (product >= p.products) return; /* the whole group */
    const uint row0 = tile / tiles_n * TILE, column0 = tile % tiles_n * TILE;
    const uint outer = product / p.inner_n, inner = product % p.inner_n;
    const uint a_start = p.a_start + outer * p.a_outer + inner * p.a_inner;
    const uint b_start = p.b_start + outer * p.b_outer + inner * p.b_inner;
    const uint c_start = p.c_start + outer * p.c_outer + inner * p.c_inner;
    const uint my_row = gl_LocalInvocationIndex / 16 * 4, my_column = gl_LocalInvocationIndex % 16 * 4;

    const bool is_needed = row0 + my_row < p.m && column0 + my_column < p.n;
    /* No loops inside: lavapipe ends all loops of a thread after 65535 rounds in total. */
    for (uint k0 = 0; k0 < p.k; k0 += STRIP) {
        load(0, a_start, b_start, row0, column0, k0);
        load(1, a_start, b_start, row0, column0, k0);
        load(2, a_start, b_start, row0, column0, k0);
        load(3, a_start, b_start, row0, column0, k0);
        barrier();
        if (is_needed) { /* small products fill a part of the tile */
            multiply4(0, my_row, my_column);
            if (k0 + 4 < p.k) multiply4(4, my_row, my_column);
            if (k0 + 8 < p.k) multiply4(8, my_row, my_column);
            if (k0 + 12 < p.k) multiply4(12, my_row, my_column);
        }
        barrier();
    }
    store_row(c_start, row0 + my_row, column0 + my_column, sums0);
    store_row(c_start, row0 + my_row + 1, column0 + my_column, sums1);
    store_row(c_start, row0 + my_row + 2, column0 + my_column, sums2);
    store_row(c_start, row0 + my_row + 3, column0 + my_column, sums3);
}
