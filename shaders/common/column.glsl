/* Kernels that add up columns: a group takes 32 neighbouring columns, read by 8 strips of rows that
 * each add up every eighth row in rising order; the sums of the strips are added in order. */
#include "shaders/common/grid.glsl"

const uint COLUMN_WIDTH = 32, COLUMN_STRIPS = 8;
shared float column_sums[256];

uint column_number() { return grid_group() * COLUMN_WIDTH + gl_LocalInvocationIndex % COLUMN_WIDTH; }
uint column_strip() { return gl_LocalInvocationIndex / COLUMN_WIDTH; }

/* The sum over the strips of a column; all threads of the group call together. */
float column_total(float value) {
    barrier(); /* others may still read the sums before */
    column_sums[gl_LocalInvocationIndex] = value;
    barrier();
    float sum = 0.0;
    for (uint s = 0; s < COLUMN_STRIPS; s++)
        sum += column_sums[s * COLUMN_WIDTH + gl_LocalInvocationIndex % COLUMN_WIDTH];
    return sum;
}
