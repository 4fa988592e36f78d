/* Groups of 256 threads in a row, in a grid folded by kernel_groups (models/op.c). */
layout(local_size_x = 256, local_size_x_id = 0) in; /* above it gl_WorkGroupSize is 1 */

/* The index of this workgroup in a grid folded by kernel_groups (models/op.c). */
uint grid_group() { return gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x; }
/* The index of this invocation in such a grid of one-dimensional workgroups. */
uint grid_invocation() { return grid_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x; }
