/* Kernels that sum columns. A group takes 32 neighbouring columns and 8 strips of rows; each strip
 * sums every eighth row in rising order, then the strips are added in order. */
#include "shaders/common/grid.glsl"

const uint COLUMN_WIDTH = 32, COLUMN_STRIPS = 8;
shared float column_sums[256];

uint column_number() { return grid_group() * COLUMN_WIDTH + gl_LocalInvocationIndex % COLUMN_WIDTH; }
uint column_strip() { return gl_LocalInvocationIndex / COLUMN_WIDTH; }
/* Each strip writes the results of some columns. A device that runs the threads of a group in turn
 * then shows a missing barrier in a test: without the second barrier below the first strip writes
 * too early, without the first the last strip writes too late. */
bool column_writes() { return column_strip() == gl_LocalInvocationIndex % COLUMN_STRIPS; }

/* The sum over the strips of a column. All threads of the group must call it together. */
float column_total(float value) {
    barrier(); /* others may still be reading earlier sums */
    column_sums[gl_LocalInvocationIndex] = value;
    barrier();
    float sum = 0.0;
    for (uint s = 0; s < COLUMN_STRIPS; s++)
        sum += column_sums[s * COLUMN_WIDTH + gl_LocalInvocationIndex % COLUMN_WIDTH];
    return sum;
}
