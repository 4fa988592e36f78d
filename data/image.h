/* image: encoded bytes (JPEG, PNG, WebP, BMP) to rows of RGB bytes.
 *
 * The format is taken from the first bytes, never from a file name. Before anything is allocated
 * the structure is walked (JPEG: segments and scans to the end marker; PNG: chunk lengths and CRCs,
 * IHDR first, IEND last; WebP: RIFF size; BMP: rows inside the file) and the size in the header is
 * held against the limits. What passes goes to libjpeg-turbo (strict: its warnings are errors),
 * libwebp or stb_image. Other formats are refused: the distribution's stb_image 2.27 has known
 * memory errors in its JPEG, GIF, PIC, PSD and HDR readers, so those are not even compiled in.
 *
 * Not looked at: the Adler-32 inside a PNG, whose bytes the CRCs cover already.
 *
 * Rules for pixels:
 *   grey is repeated into three channels; palettes are looked up, with black for what they lack;
 *   16 bits become the high byte;
 *   alpha (also grey + alpha, palette + alpha and a PNG colour key) is composed on white:
 *     out = (c a + 255 (255 - a)) / 255, rounded to nearest, as Pillow's paste on white does;
 *   CMYK JPEGs and animations are refused; EXIF orientation is ignored, as open_clip does.
 * Agreement: the bytes of Pillow's convert("RGB") after the composition above. Exception: Pillow
 * clamps 16-bit grey to 255, which is a picture of white; here it is the high byte.
 *
 * Errors: BAD_DATA for every fault of the input (skip the sample), NO_MEMORY. */
#ifndef DATA_IMAGE_H
#define DATA_IMAGE_H

#include "pipeline/base/status.h"
#include <stddef.h>
#include <stdint.h>

/* Limits, applied before memory is taken. */
enum {
    IMAGE_BYTES_MAX = 64 << 20,
    IMAGE_SIDE_MAX = 16384,
    IMAGE_PIXELS_MAX = 64 << 20,
    IMAGE_JPEG_SCANS_MAX = 100,
    IMAGE_JPEG_PIXELS_PER_BYTE_MAX = 1024,
};

enum image_format { IMAGE_JPEG, IMAGE_PNG, IMAGE_WEBP, IMAGE_BMP };

struct image_info {
    enum image_format format;
    int width, height;
};

/* A picture in memory. Zero-initialised it is empty. Decoding into the same struct again reuses its
 * memory when that is large enough. */
struct image {
    int width, height;
    uint8_t *pixels; /* (height, width, 3) RGB */
    size_t capacity; /* bytes at pixels */
};

/* Walks the structure of data and checks the limits; allocates nothing. */
enum status image_check(struct image_info *info, const void *data, size_t size, struct error *e);

/* image_check, then decodes. After failure *out is still valid and owns its memory, but its size is
 * 0 x 0. */
enum status image_decode(struct image *out, const void *data, size_t size, struct error *e);

/* Makes room for width x height pixels, whose values are undefined. */
enum status image_reserve(struct image *out, int width, int height, struct error *e);

/* Frees the pixels and clears the struct. */
void image_release(struct image *image);

#endif
