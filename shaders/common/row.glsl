/* Kernels that give each row of a matrix to a team of 64 threads, four rows per group of 256. */
#include "shaders/common/grid.glsl"
#include "shaders/common/reduce.glsl"

const uint ROW_LANES = 64, ROW_TEAMS = 4, ROW_SIDE = 8;

uint row_number() { return grid_group() * ROW_TEAMS + gl_LocalInvocationIndex / ROW_LANES; }
uint row_lane() { return gl_LocalInvocationIndex % ROW_LANES; }
float row_sum(float value) { return reduce_sum(value, ROW_SIDE); }
float row_max(float value) { return reduce_max(value, ROW_SIDE); }
vec3 row_sum3(vec3 value) { return reduce_sum3(value, ROW_SIDE); }
vec3 row_max3(vec3 value) { return reduce_max3(value, ROW_SIDE); }
