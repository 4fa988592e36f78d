/* Kernels that give each row of a matrix to a team of 64 threads, or to a single thread where rows
 * are short, which needs no barriers (op_kernels_lanes, models/ops/op_kernels.c). The number of
 * lanes is a push constant, so all threads take the same branch. All threads of the group must call
 * a sum or a maximum together.
 *
 * The build with SUBGROUP first sums within subgroups, by shuffles in a fixed order; it needs one
 * barrier where the plain build needs two. Its groups have full subgroups of at most 64 threads
 * (struct kernel, models/op.h). Include this file first, because it enables extensions. */
#ifdef SUBGROUP
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#endif
#include "shaders/common/grid.glsl"

const uint ROW_LANES = 64;
#ifdef SUBGROUP
shared vec3 row_parts[2][ROW_LANES]; /* a group's subgroups, at least four threads each */
uint row_turn = 0; /* reductions alternate between the halves, so one barrier is enough */

/* A thread's index in the group, ordered by subgroups, so that a team consists of whole
 * subgroups. */
uint row_thread() { return gl_SubgroupID * gl_SubgroupSize + gl_SubgroupInvocationID; }
uint row_invocation() { return grid_group() * gl_WorkGroupSize.x + row_thread(); }

/* Reduces a whole subgroup, step by step. Not a loop: lavapipe stops the loops of a thread after
 * 65535 rounds in total. */
#define ROW_STEPS(STEP) STEP(1) STEP(2) STEP(4) STEP(8) STEP(16) STEP(32)
#define ROW_ADD(n) if (gl_SubgroupSize > n) value += subgroupShuffleXor(value, n);
#define ROW_MAX(n) if (gl_SubgroupSize > n) value = max(value, subgroupShuffleXor(value, n));

/* Writes the subgroups' values side by side; returns where those of this thread's team begin. */
uint row_share(vec3 value) {
    row_turn = 1 - row_turn;
    if (gl_SubgroupInvocationID == 0) row_parts[row_turn][gl_SubgroupID] = value;
    barrier();
    return row_thread() / ROW_LANES * (ROW_LANES / gl_SubgroupSize);
}

vec3 row_sum3(vec3 value, uint lanes) {
    if (lanes == 1) return value;
    ROW_STEPS(ROW_ADD)
    const uint first = row_share(value), n = ROW_LANES / gl_SubgroupSize;
    vec3 sum = row_parts[row_turn][first];
    for (uint i = 1; i < n; i++) sum += row_parts[row_turn][first + i];
    return sum;
}
float row_sum(float value, uint lanes) {
    if (lanes == 1) return value;
    ROW_STEPS(ROW_ADD)
    const uint first = row_share(vec3(value, 0.0, 0.0)), n = ROW_LANES / gl_SubgroupSize;
    float sum = row_parts[row_turn][first].x;
    for (uint i = 1; i < n; i++) sum += row_parts[row_turn][first + i].x;
    return sum;
}
float row_max(float value, uint lanes) {
    if (lanes == 1) return value;
    ROW_STEPS(ROW_MAX)
    const uint first = row_share(vec3(value, 0.0, 0.0)), n = ROW_LANES / gl_SubgroupSize;
    float largest = row_parts[row_turn][first].x;
    for (uint i = 1; i < n; i++) largest = max(largest, row_parts[row_turn][first + i].x);
    return largest;
}
#else
#include "shaders/common/reduce.glsl"

const uint ROW_SIDE = 8; /* 64 = 8 * 8 */

uint row_invocation() { return grid_invocation(); }
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
#endif
uint row_number(uint lanes) { return row_invocation() / lanes; }
uint row_lane(uint lanes) { return row_invocation() % lanes; }
