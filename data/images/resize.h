/* resize: Pillow's bicubic filter, bit for bit, and the evaluation transform of CLIP.
 *
 * For each output i of an axis: scale = in/out; f = max(scale, 1); centre c = (i + 0.5) scale; taps
 * from trunc(c - 2f + 0.5) to trunc(c + 2f + 0.5), cut to the input; weight of tap x = cubic((x - c
 * + 0.5) / f) with a = -0.5, normalised in double, then rounded to 22 fractional bits. Sums are
 * integers, rounded and clamped to a byte. The horizontal pass comes first and is stored as bytes;
 * a pass whose size does not change is skipped. Source: Pillow, src/libImaging/Resample.c.
 * Agreement: equal bytes.
 *
 * Boxes are in full-size pixels even if the picture is reduced by 2^shift. `in` is then the side of
 * the box / 2^shift, not rounded, and c is counted from the edge of the box, which may lie inside a
 * reduced pixel. */
#ifndef DATA_IMAGES_RESIZE_H
#define DATA_IMAGES_RESIZE_H

#include "data/images/image.h"
#include "pipeline/base/status.h"
#include <stddef.h>
#include <stdint.h>

/* Memory reused from call to call; one per thread. Empty when zero-initialised. */
struct resize_memory {
    void *block;
    size_t capacity;
};

struct resize_params {
    struct image_box box;    /* part of the picture to use; all zero: all of it */
    int width, height;        /* size that the box is resized to, both > 0 */
    struct image_box window; /* part of the result to write; all zero: all of it */
};

/* Writes window.height x window.width x 3 bytes to out, row by row. Pixels outside the box have no
 * influence (crop first, then resize). Errors: BAD_ARG (box or window outside its picture),
 * NO_MEMORY. */
enum status resize_bicubic(uint8_t *out, const struct image *source,
                           const struct resize_params *params, struct resize_memory *memory,
                           struct error *e);

/* The evaluation transform: resizes the shorter side to n and the longer to n long / short,
 * truncated; then takes the n x n pixels in the middle, at offset (side - n) / 2 rounded half to
 * even.
 * out (n, n, 3). */
enum status resize_center_crop(uint8_t *out, int n, const struct image *source,
                               struct resize_memory *memory, struct error *e);
/* The box of a width x height picture that resize_center_crop reads; no other pixels need decoding.
 * n and both sides are at least 1. */
struct image_box resize_center_box(int n, int width, int height);

/* The largest shift that leaves the shorter side of the box at least gap n pixels (Pillow's
 * reducing_gap), for a box that becomes n x n. gap: at least 1, or 0 for shift 0. */
int resize_shift(double gap, int n, const struct image_box *box);

void resize_release(struct resize_memory *memory);

#endif
