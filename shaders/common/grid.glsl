/* The number of this workgroup in a grid folded by kernel_groups (models/op.c). */
uint grid_group() { return gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x; }
/* The number of this invocation in such a grid of one-dimensional workgroups. */
uint grid_invocation() { return grid_group() * gl_WorkGroupSize.x + gl_LocalInvocationID.x; }
