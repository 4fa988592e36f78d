/* image: encoded bytes (JPEG, PNG, WebP, BMP) to rows of RGB bytes.
 *
 * The format is taken from the first bytes, never from a file name. Before anything is allocated
 * the structure is walked (JPEG: segments and scans to the end marker; PNG: chunk lengths and CRCs,
 * IHDR first, IEND last; WebP: RIFF size; BMP: rows inside the file) and the size in the header is
 * held against the limits; what decoding takes is held against what all threads may
 * use together (decode_room.h). What passes goes to libjpeg-turbo (strict: its warnings are
 * errors), libwebp, stb_image (PNG only: the distribution's 2.27 has known memory errors in its
 * JPEG, GIF, PIC, PSD and HDR readers, so those are not even compiled in) or image_bmp.h. Other
 * formats are refused, and so are animations.
 *
 * Not looked at: the Adler-32 inside a PNG, whose bytes the CRCs cover already.
 *
 * Rules for pixels; the words are those of a recipe's data.to_rgb:
 *                          pillow                                 shown
 *   grey, 1 to 8 bits      repeated; 1, 2, 4 bits fill 0 to 255   the same
 *   palette                looked up; a colour i that it lacks    the same
 *                          is (i, i, i)
 *   16-bit colour,         the high byte                          the same
 *   16-bit grey + alpha
 *   16-bit grey            min(v, 255): near white                the high byte
 *   alpha: RGBA, grey +    left out: what lies beneath is seen    on white: (c a + 255 (255 - a))
 *   alpha, palette with                                           / 255, rounded to nearest, as
 *   alpha, colour key                                             Pillow's paste on white
 *   alpha of a BMP         left out: mostly padding               the same
 *   CMYK, YCCK (JPEG)      inks are inverted as Adobe writes      the same
 *                          them: out = k - (255 - c) k / 255
 *   With a background alpha of any kind but a BMP's is put on that colour in both, by the same
 *   formula with the colour's channel in place of the last 255.
 *   EXIF orientation, ICC profile, gamma: ignored, as open_clip does.
 *   JPEG decoded with a shift: other pixels; see image_decode_part.
 * Agreement: "pillow" is the bytes of Image.open(f).convert("RGB"), which is what open_clip trains
 * on; "shown" those of the composition above.
 *
 * Errors: BAD_DATA for every fault of the input (skip the sample), NO_MEMORY. */
#ifndef DATA_IMAGES_IMAGE_H
#define DATA_IMAGES_IMAGE_H

#include "pipeline/base/status.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Limits, applied before memory is taken. */
enum {
    IMAGE_BYTES_MAX = 64 << 20,
    IMAGE_SIDE_MAX = 65535,
    IMAGE_PIXELS_MAX = 64 << 20,
    IMAGE_JPEG_SCANS_MAX = 100,
    IMAGE_JPEG_PIXELS_PER_BYTE_MAX = 1024,
    IMAGE_SHIFT_MAX = 3, /* a block of 8 x 8 becomes a pixel */
};

enum image_format { IMAGE_JPEG, IMAGE_PNG, IMAGE_WEBP, IMAGE_BMP };

/* What a picture is that is more than plain RGB. */
#define IMAGE_RGB_LIST(X)                                                                          \
    X(PILLOW, "pillow") /* Pillow's convert("RGB") */                                              \
    X(SHOWN, "shown")   /* what a viewer shows on white paper */

#define IMAGE_RGB_ENUM(name, text) IMAGE_RGB_##name,
enum image_rgb { IMAGE_RGB_LIST(IMAGE_RGB_ENUM) IMAGE_RGB_COUNT };
#undef IMAGE_RGB_ENUM

/* How pixels become RGB. Zero-initialised: as Pillow. */
struct image_rule {
    enum image_rgb rgb;
    uint32_t background; /* IMAGE_BACKGROUND | 0xRRGGBB: alpha is put on this colour, whatever rgb
                            says of it; 0: as rgb says */
};
enum { IMAGE_BACKGROUND = 1 << 24 };

/* "white", "black", "grey" or "#RRGGBB" as a background, "" as none; false for other texts. */
bool image_background(uint32_t *out, const char *text);

struct image_info {
    enum image_format format;
    int width, height;
    bool has_alpha; /* as the header says: a channel, a colour key or a palette with alpha */
    uint64_t decode_bytes; /* that decoding takes at most, with the pixels; in all threads together
                              DECODE_ROOM_BYTES, so a picture that needs more is BAD_DATA */
};

/* Part of a picture. */
struct image_box {
    int x, y, width, height;
};

/* What is read of a picture. */
struct image_part {
    struct image_box box;
    int shift; /* 0..IMAGE_SHIFT_MAX: a pixel may stand for 2^shift x 2^shift of the picture */
};

/* A picture in memory. Zero-initialised it is empty. Decoding into the same struct again reuses its
 * memory when that is large enough. */
struct image {
    int width, height; /* of the picture */
    int shift;         /* how much pixels is smaller; 0 unless image_decode_part was asked for it */
    uint8_t *pixels;   /* (height, width, 3) RGB; both sides are image_shrunk(side, shift) */
    size_t capacity;   /* bytes at pixels */
    void *block;       /* what pixels lie in */
    uint64_t kept;     /* of the decode_room, for pixels; 0: so few that they do not count */
};

/* A side of the picture in pixels that stand for 2^shift each: rounded up. */
static inline int image_shrunk(int side, int shift) {
    return (int)(((int64_t)side + (1 << shift) - 1) >> shift);
}

/* Walks the structure of data and checks the limits; allocates nothing. */
enum status image_check(struct image_info *info, const void *data, size_t size, struct error *e);

/* image_check, then decodes. After failure *out is still valid and owns its memory, but its size is
 * 0 x 0. */
enum status image_decode(struct image *out, const void *data, size_t size,
                         struct image_rule rule, struct error *e);

/* Decodes what image_check has passed and described, for a caller who reads the pixels of part->box
 * only: those are the same as image_decode's, and so is the verdict on the bytes; the other pixels
 * are undefined. A baseline JPEG saves the work for them, unless it has a shift and colours sampled
 * less both ways other than by 2 (4:1:0); other pictures are decoded whole. The box lies inside the
 * picture.
 *
 * With a shift a JPEG is decoded at 1/2, 1/4 or 1/8 of its size, from the low frequencies of its
 * blocks alone: faster, and near to what a filter makes of all pixels but not the same. Those of
 * the box are then all that stand for part of it. Other formats are decoded as with shift 0.
 * Agreement: the bytes of Pillow's Image.draft. */
enum status image_decode_part(struct image *out, const struct image_info *info,
                              const struct image_part *part, const void *data, size_t size,
                              struct image_rule rule, struct error *e);

/* The smallest box that holds both. */
struct image_box image_box_around(const struct image_box *a, const struct image_box *b);

/* Makes room for width x height pixels, whose values are undefined. */
enum status image_reserve(struct image *out, int width, int height, struct error *e);

/* To be called when the pixels are no longer needed: gives back memory that other threads may be
 * waiting for. A picture of ordinary size keeps its memory for the next one. */
void image_done(struct image *image);

/* Frees the pixels and clears the struct. */
void image_release(struct image *image);

#endif
