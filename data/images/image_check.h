/* image_check: checks the structure of encoded images in plain C, before a decoder sees a byte.
 * Decoders accept much that is broken (stb_image returns a picture for almost every truncated file
 * and ignores CRCs), so a damaged sample would be trained on silently.
 *
 * Each function fills all of info and allocates nothing. Errors: BAD_DATA. */
#ifndef DATA_IMAGES_IMAGE_CHECK_H
#define DATA_IMAGES_IMAGE_CHECK_H

#include "data/images/image.h"

/* Checks markers and segment lengths up to the end marker; one 8-bit baseline, extended or
 * progressive frame of 1, 3 or 4 components; Huffman counts; at most IMAGE_JPEG_SCANS_MAX scans;
 * at most IMAGE_JPEG_PIXELS_PER_BYTE_MAX pixels per byte. Bytes after the end marker are
 * allowed. */
enum status image_check_jpeg(struct image_info *info, const uint8_t *data, size_t size,
                             struct error *e);

/* Checks chunk lengths and CRCs; IHDR first with a legal combination of fields, IDAT present and
 * long enough for the picture at deflate's best ratio, IEND last. */
enum status image_check_png(struct image_info *info, const uint8_t *data, size_t size,
                            struct error *e);

/* The largest single allocation that stb_image makes for a valid PNG. It inflates all the data,
 * whatever size the header says, and doubles its memory each time. */
size_t image_check_png_allocation(const uint8_t *data, size_t size);

/* 1 <= side <= IMAGE_SIDE_MAX, width x height <= IMAGE_PIXELS_MAX. */
enum status image_check_size(const char *format, int64_t width, int64_t height, struct error *e);

#endif
