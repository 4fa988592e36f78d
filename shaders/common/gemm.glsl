/* The tiled matrix product behind gemm_nt, gemm_nn and gemm_tn. A group of 256 threads forms a tile
 * of 64 x 64, each thread 4 x 4 of it, from strips of 16 along k in shared memory; k rises, so the
 * order of each sum is fixed. GEMM_A_TURNED: A is stored (k, m); GEMM_B_TURNED: B is stored (n, k). */
#extension GL_EXT_control_flow_attributes : require
#include "shaders/common/grid.glsl"
#include "shaders/params/gemm.h"

layout(push_constant) uniform Push { gemm_params p; };
layout(binding = 0) readonly buffer A { float a[]; };
layout(binding = 1) readonly buffer B { float b[]; };
layout(binding = 2) buffer C { float c[]; };
layout(binding = 3) readonly buffer Bias { float bias[]; };         /* (n) */
layout(binding = 4) readonly buffer Residual { float residual[]; }; /* like C */

const uint TILE = GEMM_TILE, STRIP = 16, LINE = TILE + 4;
shared float a_tile[STRIP * LINE]; /* [k][row] */
shared float b_tile[STRIP * LINE]; /* [k][column] */

void load_tiles(uint a_start, uint b_start, uint row0, uint column0, uint k0) {
    const uint thread = gl_LocalInvocationIndex;
    const uint along = thread % STRIP, across = thread / STRIP; /* lines along k */
    const uint wide = thread % TILE, deep = thread / TILE;      /* lines across k */
    for (uint i = 0; i < 4; i++) {
#ifdef GEMM_A_TURNED
        const uint ak = deep + 4 * i, am = wide;
        const uint a_index = (k0 + ak) * p.a_line + row0 + am;
#else
        const uint ak = along, am = across + 16 * i;
        const uint a_index = (row0 + am) * p.a_line + k0 + ak;
#endif
        const bool a_inside = k0 + ak < p.k && row0 + am < p.m;
        a_tile[ak * LINE + am] = a_inside ? a[a_start + a_index] : 0.0;
#ifdef GEMM_B_TURNED
        const uint bk = along, bn = across + 16 * i;
        const uint b_index = (column0 + bn) * p.b_line + k0 + bk;
#else
        const uint bk = deep + 4 * i, bn = wide;
        const uint b_index = (k0 + bk) * p.b_line + column0 + bn;
#endif
        const bool b_inside = k0 + bk < p.k && column0 + bn < p.n;
        b_tile[bk * LINE + bn] = b_inside ? b[b_start + b_index] : 0.0;
    }
}

void store_row(uint c_start, uint row, uint column0, vec4 sums) {
    if (row >= p.m) return;
    for (uint j = 0; j < 4; j++) {
        const uint column = column0 + j;
        if (column >= p.n) return;
        const uint i = c_start + row * p.c_line + column;
        float y = p.alpha * sums[j];
        if ((p.flags & GEMM_BIAS) != 0) y += bias[column];
        if ((p.flags & GEMM_RESIDUAL) != 0) y += residual[i];
        if ((p.flags & GEMM_ACCUMULATE) != 0) y += c[i];
        c[i] = y;
    }
}

void main() {
    const uint tiles_m = (p.m + TILE - 1) / TILE, tiles_n = (p.n + TILE - 1) / TILE;
    const uint tile = grid_group();
    if (tile >= tiles_m * tiles_n) return; /* the whole group */
    const uint row0 = tile / tiles_n * TILE, column0 = tile % tiles_n * TILE;
    const uint outer = gl_WorkGroupID.z / p.inner_n, inner = gl_WorkGroupID.z % p.inner_n;
    const uint a_start = p.a_start + outer * p.a_outer + inner * p.a_inner;
    const uint b_start = p.b_start + outer * p.b_outer + inner * p.b_inner;
    const uint c_start = p.c_start + outer * p.c_outer + inner * p.c_inner;
    const uint my_row = gl_LocalInvocationIndex / 16 * 4, my_column = gl_LocalInvocationIndex % 16 * 4;

    vec4 sums0 = vec4(0), sums1 = vec4(0), sums2 = vec4(0), sums3 = vec4(0); /* rows of 4 */
    for (uint k0 = 0; k0 < p.k; k0 += STRIP) {
        load_tiles(a_start, b_start, row0, column0, k0);
        barrier();
        /* Unrolled also because llvmpipe leaves a shader's loops after 65535 iterations in all. */
        [[unroll]] for (uint k = 0; k < STRIP; k++) {
            const uint ai = k * LINE + my_row, bi = k * LINE + my_column;
            const vec4 columns = vec4(b_tile[bi], b_tile[bi + 1], b_tile[bi + 2], b_tile[bi + 3]);
            sums0 += a_tile[ai] * columns;
            sums1 += a_tile[ai + 1] * columns;
            sums2 += a_tile[ai + 2] * columns;
            sums3 += a_tile[ai + 3] * columns;
        }
        barrier();
    }
    store_row(c_start, row0 + my_row, column0 + my_column, sums0);
    store_row(c_start, row0 + my_row + 1, column0 + my_column, sums1);
    store_row(c_start, row0 + my_row + 2, column0 + my_column, sums2);
    store_row(c_start, row0 + my_row + 3, column0 + my_column, sums3);
}
