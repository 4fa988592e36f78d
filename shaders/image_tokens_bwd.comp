#version 450
#extension GL_GOOGLE_include_directive : require
/* gradients of class token, registers and positions: sums over the batch in rising order */
#include "shaders/common/grid.glsl"
#include "shaders/params/image_tokens.h"

layout(push_constant) uniform Push { image_tokens_params p; };
layout(binding = 0) readonly buffer Dx { float dx[]; }; /* (batch, classes + registers + patches, columns) */
layout(binding = 1) buffer DClass { float d_class[]; };         /* (columns) */
layout(binding = 2) buffer DPositions { float d_positions[]; }; /* (classes + patches, columns) */
layout(binding = 3) buffer DRegisters { float d_registers[]; }; /* (registers, columns) */

void main() {
    const uint at = grid_invocation(), end_class = p.classes * p.columns;
    const uint before = end_class + p.registers * p.columns, line = before + p.patches * p.columns;
    if (at >= line) return;
    float sum = 0.0;
    for (uint b = 0; b < p.batch; b++) sum += dx[b * line + at];
    if ((p.flags & IMAGE_TOKENS_WANTS_CLASS) != 0 && at < end_class)
        d_class[at] = (p.flags & IMAGE_TOKENS_ADD_CLASS) != 0 ? d_class[at] + sum : sum;
    if (at >= end_class && at < before) {
        const uint i = at - end_class;
        if ((p.flags & IMAGE_TOKENS_WANTS_REGISTERS) != 0)
            d_registers[i] = (p.flags & IMAGE_TOKENS_ADD_REGISTERS) != 0 ? d_registers[i] + sum : sum;
    } else if ((p.flags & IMAGE_TOKENS_WANTS_POSITIONS) != 0) {
        const uint i = at < before ? at : at - p.registers * p.columns;
        d_positions[i] = (p.flags & IMAGE_TOKENS_ADD_POSITIONS) != 0 ? d_positions[i] + sum : sum;
    }
}
