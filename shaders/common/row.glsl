/* Kernels that give each row of a matrix to a team of threads: 64 of them, or a single one where the
 * rows are short (op_kernels_lanes, models/ops/op_kernels.c), which saves all barriers. The number of
 * lanes is a push constant, so all threads take the same way. */
#include "shaders/common/grid.glsl"
#include "shaders/common/reduce.glsl"

const uint ROW_SIDE = 8; /* 64 = 8 * 8 */

uint row_number(uint lanes) { return grid_invocation() / lanes; }
uint row_lane(uint lanes) { return grid_invocation() % lanes; }
float row_sum(float value, uint lanes) {
    if (lanes == 1) return value;
    return reduce_sum(value, ROW_SIDE);
}
float row_max(float value, uint lanes) {
    if (lanes == 1) return value;
    return reduce_max(value, ROW_SIDE);
}
vec3 row_sum3(vec3 value, uint lanes) {
    if (lanes == 1) return value;
    return reduce_sum3(value, ROW_SIDE);
}
vec3 row_max3(vec3 value, uint lanes) {
    if (lanes == 1) return value;
    return reduce_max3(value, ROW_SIDE);
}
