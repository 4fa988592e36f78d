/* Kernels that add up columns: a group takes 32 neighbouring columns, read by 8 strips of rows that
 * each add up every eighth row in rising order; the sums of the strips are added in order. */
#include "shaders/common/grid.glsl"

const uint COLUMN_WIDTH = 32, COLUMN_STRIPS = 8;
shared float column_sums[256];

uint column_number() { return grid_group() * COLUMN_WIDTH + gl_LocalInvocationIndex % COLUMN_WIDTH; }
uint column_strip() { return gl_LocalInvocationIndex / COLUMN_WIDTH; }
/* Every strip writes the results of some columns: on devices that run the threads of a group in turn,
 * the first strip comes too early where the second barrier below is missing and the last too late
 * where the first is, so that the tests see both. */
bool column_writes() { return column_strip() == gl_LocalInvocationIndex % COLUMN_STRIPS; }

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
