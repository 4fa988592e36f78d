/* positions: resizes position embeddings to another number of tokens.
 *
 * A grid is resized like open_clip's resize_pos_embed: bicubic (a = -0.5) with antialiasing,
 * centres aligned (torch's interpolate with antialias=True, align_corners=False). Filter weights at
 * output i, with scale s = from / to, widened to f = max(s, 1):
 *     w(x) = cubic((x + 0.5 - (i + 0.5) s) / f), over the inputs there are, then scaled to sum 1
 * A line of text positions is resized like its resize_text_pos_embed: linear, without antialiasing,
 * x = max((i + 0.5) s - 0.5, 0).
 *
 * Computed in double and rounded once. Agreement with torch: 1e-6 of the largest value. */
#ifndef MODELS_CLIP_POSITIONS_H
#define MODELS_CLIP_POSITIONS_H

#include "pipeline/base/status.h"

/* from (from_side^2, width) -> to (to_side^2, width), row by row; not the same memory. */
enum status positions_resize_grid(const float *from, int from_side, float *to, int to_side,
                                  int width, struct error *e);
/* from (n_from, width) -> to (n_to, width) */
enum status positions_resize_line(const float *from, int n_from, float *to, int n_to, int width,
                                  struct error *e);

#endif
