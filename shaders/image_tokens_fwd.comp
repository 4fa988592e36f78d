#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/grid.glsl"
#include "shaders/params/image_tokens.h"

layout(push_constant) uniform Push { image_tokens_params p; };
layout(binding = 0) readonly buffer Patches { float patches[]; };        /* (batch, patches, columns) */
layout(binding = 1) readonly buffer ClassToken { float class_token[]; }; /* (columns), with classes */
layout(binding = 2) readonly buffer Positions { float positions[]; };    /* (classes + patches, columns) */
layout(binding = 3) readonly buffer Registers { float registers[]; };    /* (registers, columns) */
layout(binding = 4) writeonly buffer X { float x[]; }; /* (batch, classes + registers + patches, columns) */

void main() {
    const uint i = grid_invocation(), before = (p.classes + p.registers) * p.columns;
    const uint line = before + p.patches * p.columns;
    if (i >= p.batch * line) return;
    const uint b = i / line, at = i % line;
    if (at < p.classes * p.columns)
        x[i] = class_token[at] + positions[at];
    else if (at < before)
        x[i] = registers[at - p.classes * p.columns];
    else
        x[i] = patches[b * p.patches * p.columns + at - before] + positions[at - p.registers * p.columns];
}
