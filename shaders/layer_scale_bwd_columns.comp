#version 450
#extension GL_GOOGLE_include_directive : require
/* dgamma: column sums of dy z */
#include "shaders/common/column.glsl"
#include "shaders/params/layer_scale.h"

layout(push_constant) uniform Push { layer_scale_params p; };
layout(binding = 0) readonly buffer Z { float z[]; };   /* (rows, columns) */
layout(binding = 1) readonly buffer Dy { float dy[]; }; /* (rows, columns) */
layout(binding = 2) buffer Dgamma { float dgamma[]; };  /* (columns) */

void main() {
    const uint c = column_number();
    float sum = 0.0;
    for (uint row = column_strip(); row < p.rows && c < p.columns; row += COLUMN_STRIPS)
        sum += dy[row * p.columns + c] * z[row * p.columns + c];
    sum = column_total(sum);
    if (c < p.columns && column_writes()) dgamma[c] = p.accumulate != 0 ? dgamma[c] + sum : sum;
}
