#version 450
#extension GL_GOOGLE_include_directive : require
#include "shaders/common/grid.glsl"
#include "shaders/params/patchify.h"

layout(push_constant) uniform Push { patchify_params p; };
layout(binding = 0) readonly buffer Pixels { uint pixels[]; }; /* (B, side, side, 3) bytes, four in a word */
layout(binding = 1) writeonly buffer Rows { float rows[]; };   /* (B, patches, 3 patch patch) */

void main() {
    const uint i = grid_invocation();
    if (i >= p.n) return;
    const uint area = p.patch_side * p.patch_side, across = p.side / p.patch_side;
    const uint within = i % area, channel = i / area % 3, patch_number = i / (3 * area);
    const uint patch_x = patch_number % across, patch_y = patch_number / across % across;
    const uint picture = patch_number / (across * across);
    const uint x = patch_x * p.patch_side + within % p.patch_side, y = patch_y * p.patch_side + within / p.patch_side;
    const uint at = ((picture * p.side + y) * p.side + x) * 3 + channel;
    const uint pixel = pixels[at / 4] >> (at % 4 * 8) & 255;
    const float mean = channel == 0 ? p.mean[0] : channel == 1 ? p.mean[1] : p.mean[2];
    const float deviation =
        channel == 0 ? p.deviation[0] : channel == 1 ? p.deviation[1] : p.deviation[2];
    rows[i] = (float(pixel) / 255.0 - mean) / deviation;
}
