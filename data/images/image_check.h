/* image_check: structural checks of encoded images, in plain C without any library, run before a
 * decoder sees a byte. Decoders accept much that is broken (stb_image returns pictures for almost
 * every truncated file and does not look at CRCs), so a damaged sample would train silently.
 *
 * Each fills all of info and allocates nothing. Errors: BAD_DATA. */
#ifndef DATA_IMAGES_IMAGE_CHECK_H
#define DATA_IMAGES_IMAGE_CHECK_H

#include "data/images/image.h"

/* Markers and segment lengths up to the end marker; one 8-bit baseline, extended or progressive
 * frame of 1, 3 or 4 components; Huffman counts; at most IMAGE_JPEG_SCANS_MAX scans; not more than
 * IMAGE_JPEG_PIXELS_PER_BYTE_MAX pixels per byte. Bytes after the end marker are allowed. */
enum status image_check_jpeg(struct image_info *info, const uint8_t *data, size_t size,
                             struct error *e);

/* Chunk lengths and CRCs; IHDR first with a legal combination of fields, IDAT present and long
 * enough for the picture at deflate's best ratio, IEND last. */
enum status image_check_png(struct image_info *info, const uint8_t *data, size_t size,
                            struct error *e);

/* The largest single allocation of stb_image for a PNG that has passed: it inflates as long as data
 * comes, whatever the header says, and doubles its memory each time. */
size_t image_check_png_allocation(const uint8_t *data, size_t size);

/* 1 <= side <= IMAGE_SIDE_MAX, width x height <= IMAGE_PIXELS_MAX. */
enum status image_check_size(const char *format, int64_t width, int64_t height, struct error *e);

#endif
