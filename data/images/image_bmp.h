/* image_bmp: the rows of a Windows bitmap as RGB bytes, as Pillow reads them.
 *
 * Headers of 40, 108 and 124 bytes; 1, 4 and 8 bits with a palette, 16 bits (5-5-5 or 5-6-5, value
 * v of n bits becomes 255 v / (2^n - 1), rounded down), 24 and 32 bits with the masks that programs
 * write. Not read: run lengths, the bitmaps of OS/2, other masks. Alpha is left out: it is padding
 * more often than not. */
#ifndef DATA_IMAGES_IMAGE_BMP_H
#define DATA_IMAGES_IMAGE_BMP_H

#include "data/images/image.h"
#include "pipeline/base/status.h"
#include <stddef.h>
#include <stdint.h>

/* Walks the headers and checks that palette and rows lie inside the file; allocates nothing. */
enum status image_bmp_check(struct image_info *info, const uint8_t *data, size_t size,
                            struct error *e);

/* Writes info.height x info.width x 3 bytes at out. data: what image_bmp_check has accepted. */
void image_bmp_decode(uint8_t *out, const uint8_t *data, size_t size);

#endif
