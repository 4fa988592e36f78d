/* image_bmp: decodes a Windows bitmap to RGB bytes, as Pillow does.
 *
 * Reads headers of 40, 108 and 124 bytes; 1, 4 and 8 bits with a palette, 16 bits (5-5-5 or 5-6-5,
 * value v of n bits becomes 255 v / (2^n - 1), rounded down), 24 and 32 bits with the masks that
 * programs write. Not supported: run lengths, OS/2 bitmaps, other masks. Alpha is ignored: it is
 * mostly padding. */
#ifndef DATA_IMAGES_IMAGE_BMP_H
#define DATA_IMAGES_IMAGE_BMP_H

#include "data/images/image.h"
#include "pipeline/base/status.h"
#include <stddef.h>
#include <stdint.h>

/* Walks the headers and checks that palette and rows lie inside the file; allocates nothing. */
enum status image_bmp_check(struct image_info *info, const uint8_t *data, size_t size,
                            struct error *e);

/* Writes info.height x info.width x 3 bytes to out. data must have passed image_bmp_check. */
void image_bmp_decode(uint8_t *out, const uint8_t *data, size_t size);

#endif
