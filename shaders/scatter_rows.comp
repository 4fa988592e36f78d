#version 450
#extension GL_GOOGLE_include_directive : require
/* dx[index[r]] gets the sum of all rows of dy with that index, in rising order. Group r works only
 * if r is the first place of index[r]. Rows without an index are not touched. */
#include "shaders/common/grid.glsl"
#include "shaders/params/gather_rows.h"

layout(push_constant) uniform Push { gather_rows_params p; };
layout(binding = 0) readonly buffer Index { int index[]; }; /* (rows) */
layout(binding = 1) readonly buffer Dy { float dy[]; };     /* (rows, columns) */
layout(binding = 2) buffer Dx { float dx[]; };              /* (N, columns) */

const uint WORDS = 8;
shared uint seen_before, matches[WORDS]; /* a bit per row, for 256 rows */

/* Marks which of the 256 rows from begin have the index. */
void find(uint begin, int wanted) {
    const uint thread = gl_LocalInvocationIndex, row = begin + thread;
    barrier();
    if (thread < WORDS) matches[thread] = 0;
    barrier();
    if (row < p.rows && index[row] == wanted) atomicOr(matches[thread / 32], 1u << thread % 32);
    barrier();
}

void main() {
    const uint r = grid_group(), thread = gl_LocalInvocationIndex;
    if (r >= p.rows) return; /* the whole group */
    const int wanted = index[r];
    if (thread == 0) seen_before = 0;
    barrier();
    for (uint row = thread; row < r; row += 256)
        if (index[row] == wanted) atomicOr(seen_before, 1u);
    barrier();
    if (seen_before != 0) return; /* the whole group */
    for (uint first = 0; first < p.columns; first += 256) {
        const uint column = first + thread;
        float sum = 0.0;
        for (uint begin = r / 256 * 256; begin < p.rows; begin += 256) {
            find(begin, wanted);
            for (uint word = 0; word < WORDS; word++)
                for (uint bits = matches[word]; bits != 0; bits &= bits - 1) {
                    const uint row = begin + word * 32 + uint(findLSB(bits));
                    if (column < p.columns) sum += dy[row * p.columns + column];
                }
        }
        if (column < p.columns) {
            const uint at = uint(wanted) * p.columns + column;
            dx[at] = p.accumulate != 0 ? dx[at] + sum : sum;
        }
    }
}
