#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/grid.glsl"
#include "shaders/params/image_tokens.h"

layout(push_constant) uniform Push { image_tokens_params p; };
layout(binding = 0) readonly buffer Dx { float dx[]; }; /* (batch, classes + registers + patches, columns) */
layout(binding = 1) buffer DPatches { float d_patches[]; }; /* (batch, patches, columns) */

void main() {
    const uint i = grid_invocation(), line = p.patches * p.columns;
    if (i >= p.batch * line) return;
    const float d = dx[i + (i / line + 1) * (p.classes + p.registers) * p.columns];
    d_patches[i] = (p.flags & IMAGE_TOKENS_ADD_PATCHES) != 0 ? d_patches[i] + d : d;
}
