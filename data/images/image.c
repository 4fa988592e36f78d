#include "data/images/decode_room.h"
#include "data/images/image.h"
#include "data/images/image_bmp.h"
#include "data/images/image_check.h"
#include "data/images/image_names.h"
#include "pipeline/base/wrong_file.h"

#include <setjmp.h>
#include <stdio.h> /* jpeglib.h needs FILE */
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <webp/decode.h>

/* stb_image inflates as long as data comes, whatever size the header gave. This is the most that
 * one allocation may take while this thread decodes; the macros below have no other way to reach
 * it. */
static _Thread_local size_t allocation_max;

static void *allocate(size_t bytes) {
    return bytes <= allocation_max ? malloc(bytes) : NULL;
}

static void *reallocate(void *old, size_t bytes) {
    return bytes <= allocation_max ? realloc(old, bytes) : NULL;
}

#define STBI_MALLOC(bytes) allocate(bytes)
#define STBI_REALLOC(old, bytes) reallocate(old, bytes)
#define STBI_FREE(p) free(p)
#define STBI_NO_JPEG
#define STBI_NO_STDIO
#define STBI_ONLY_PNG
#define STBI_NO_LINEAR
#define STB_IMAGE_IMPLEMENTATION
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized" /* fields that only callbacks use */
#endif
#include <stb_image.h>
#pragma GCC diagnostic pop

/* libjpeg-turbo writes a row that begins at a multiple of 32 bytes past the cache, and the resize has
 * to fetch it from memory again: a decode takes up to 40% longer. Where the bytes of a row are a
 * multiple of 32, as in pictures 640 wide, that is every row or none. */
enum { SLOW_ALIGNMENT = 32 };

/* Pixels that a thread may hold on to beside the decode_room: those of 5 million pixels. */
enum { KEPT_FREE_MAX = 16 << 20 };

static bool is_slow(const uint8_t *row) {
    return (uintptr_t)row % SLOW_ALIGNMENT == 0;
}

static enum status reserve(struct image *out, int width, int height, int shift, struct error *e) {
    const int columns = image_shrunk(width, shift), rows = image_shrunk(height, shift);
    size_t bytes = (size_t)columns * (size_t)rows * 3;
    out->width = out->height = out->shift = 0;
    if (bytes > out->capacity) {
        image_release(out);
        out->block = malloc(bytes + SLOW_ALIGNMENT / 2);
        if (!out->block)
            return fail(e, STATUS_NO_MEMORY, "image: no memory for %d x %d pixels", columns, rows);
        out->pixels = out->block;
        if (is_slow(out->pixels)) out->pixels += SLOW_ALIGNMENT / 2;
        out->capacity = bytes;
    }
    out->width = width;
    out->height = height;
    out->shift = shift;
    return STATUS_OK;
}

enum status image_reserve(struct image *out, int width, int height, struct error *e) {
    return reserve(out, width, height, 0, e);
}

struct image_box image_box_around(const struct image_box *a, const struct image_box *b) {
    const int x = a->x < b->x ? a->x : b->x, y = a->y < b->y ? a->y : b->y;
    const int a_right = a->x + a->width, b_right = b->x + b->width;
    const int a_bottom = a->y + a->height, b_bottom = b->y + b->height;
    return (struct image_box){.x = x,
                              .y = y,
                              .width = (a_right > b_right ? a_right : b_right) - x,
                              .height = (a_bottom > b_bottom ? a_bottom : b_bottom) - y};
}

void image_done(struct image *image) {
    if (image->kept) image_release(image);
}

void image_release(struct image *image) {
    free(image->block);
    decode_room_give_back(image->kept);
    *image = (struct image){0};
}

static enum status check_webp(struct image_info *info, const uint8_t *data, size_t size,
                              struct error *e) {
    WebPBitstreamFeatures features;
    size_t riff = data[4] | (size_t)data[5] << 8 | (size_t)data[6] << 16 | (size_t)data[7] << 24;
    if (riff > size - 8)
        return fail(e, STATUS_BAD_DATA, "webp: cut short; expected %zu bytes, found %zu", riff + 8,
                    size);
    if (WebPGetFeatures(data, size, &features) != VP8_STATUS_OK)
        return fail(e, STATUS_BAD_DATA, "webp: damaged header");
    if (features.has_animation)
        return fail(e, STATUS_BAD_DATA,
                    "webp: animation; expected a single picture; take one of it: webpmux -get "
                    "frame 1 A.webp -o B.webp");
    /* The pixels; those of a lossless picture once more, with alpha; RGBA to be put on white; the
     * alpha of a lossy one. */
    const uint64_t n = (uint64_t)features.width * (uint64_t)features.height;
    *info = (struct image_info){.format = IMAGE_WEBP,
                                .width = features.width,
                                .height = features.height,
                                .has_alpha = features.has_alpha,
                                .decode_bytes = n * (features.has_alpha ? 3 + 4 + 4 + 1 : 3 + 4)};
    return image_check_size("webp", features.width, features.height, e);
}

static enum status check_format(struct image_info *info, const void *data, size_t size,
                                struct error *e) {
    const uint8_t *p = data;
    *info = (struct image_info){0};
    if (size > IMAGE_BYTES_MAX)
        return fail(e, STATUS_BAD_DATA, "image: expected at most %d bytes, found %zu",
                    IMAGE_BYTES_MAX, size);
    if (size >= 3 && p[0] == 0xFF && p[1] == 0xD8 && p[2] == 0xFF)
        return image_check_jpeg(info, p, size, e);
    if (size >= 8 && !memcmp(p, "\x89PNG\r\n\x1A\n", 8)) return image_check_png(info, p, size, e);
    if (size >= 16 && !memcmp(p, "RIFF", 4) && !memcmp(p + 8, "WEBP", 4))
        return check_webp(info, p, size, e);
    if (size >= 2 && p[0] == 'B' && p[1] == 'M') return image_bmp_check(info, p, size, e);
    const char *wrong = wrong_file(p, size), *other = image_names_other_bytes(p, size);
    if (wrong) return fail(e, STATUS_BAD_DATA, "image: %s", wrong);
    if (other) return fail(e, STATUS_BAD_DATA, "image: %s", other);
    return fail(e, STATUS_BAD_DATA,
                "image: unknown format in %zu bytes; expected JPEG, PNG, WebP or BMP", size);
}

enum status image_check(struct image_info *info, const void *data, size_t size, struct error *e) {
    const enum status rc = check_format(info, data, size, e);
    if (rc == STATUS_OK && info->decode_bytes > DECODE_ROOM_BYTES)
        return fail(e, STATUS_BAD_DATA,
                    "image: too large; %d x %d pixels take %llu MiB to decode, expected up to %llu",
                    info->width, info->height, (unsigned long long)(info->decode_bytes >> 20),
                    (unsigned long long)(DECODE_ROOM_BYTES >> 20));
    return rc;
}

struct jpeg_decoder {
    struct jpeg_decompress_struct info;
    struct jpeg_error_mgr manager;
    jmp_buf failed;
    JSAMPARRAY (*alloc_sarray)(j_common_ptr info, int pool, JDIMENSION columns, JDIMENSION rows);
};

static void jpeg_fail(j_common_ptr info) {
    struct jpeg_decoder *d = (struct jpeg_decoder *)info;
    longjmp(d->failed, 1);
}

/* Level -1 is a warning: damaged data that the library papered over. */
static void jpeg_message(j_common_ptr info, int level) {
    if (level < 0) jpeg_fail(info);
}

/* The rows that the library works in begin as zeros: should it leave some of them unwritten, the
 * pixels are still the same in every run. They are a few rows, not the picture. */
static JSAMPARRAY alloc_zeros(j_common_ptr info, int pool, JDIMENSION columns, JDIMENSION n_rows) {
    const struct jpeg_decoder *d = (const struct jpeg_decoder *)info;
    JSAMPARRAY rows = d->alloc_sarray(info, pool, columns, n_rows);
    for (JDIMENSION i = 0; i < n_rows; i++) memset(rows[i], 0, columns);
    return rows;
}

/* Inks as Adobe's programs write them: 255 is none. So a colour is its ink times the black ink,
 * divided by 255 and rounded to nearest, or half a step off where Pillow is. */
static void inks_to_rgb(uint8_t *out, const uint8_t *in, size_t n) {
    for (size_t i = 0; i < n; i++, in += 4)
        for (int c = 0; c < 3; c++) {
            const uint32_t dark = (255u - in[c]) * in[3] + 128;
            *out++ = (uint8_t)(in[3] - ((dark + (dark >> 8)) >> 8));
        }
}

/* Whether the library decodes part of a reduced picture as it does the whole. A component sampled
 * less both ways it reduces less, as far as both ways allow. What is then left to be made wider
 * jpeg_crop_scanline gets wrong: it takes the component's rows for shorter than they are, and the
 * ends of them stay unwritten. Sampled by 2 both ways (4:2:0) nothing is left. */
static bool can_narrow_reduced(const struct jpeg_decompress_struct *info) {
    for (int c = 0; c < info->num_components; c++) {
        const int h = info->comp_info[c].h_samp_factor, v = info->comp_info[c].v_samp_factor;
        const bool by_two = info->max_h_samp_factor == 2 * h && info->max_v_samp_factor == 2 * v;
        if (h < info->max_h_samp_factor && v < info->max_v_samp_factor && !by_two) return false;
    }
    return true;
}

/* Narrows what the decoder gives to the columns of the box and those beside them, which the
 * upsampling of colours mixes in; returns the first column it gives. Only where a picture is one
 * scan: in others the library smooths blocks by their neighbours. */
static JDIMENSION narrow(j_decompress_ptr info, const struct image_box *box,
                         const uint8_t *pixels) {
    enum { BESIDE = 8, STEP = 16 }; /* the library begins at a block, mostly of 16 columns */
    JDIMENSION x = box->x > BESIDE ? (JDIMENSION)(box->x - BESIDE) / STEP * STEP : 0;
    if (x > 0 && is_slow(pixels + 3 * (size_t)x)) x -= STEP;
    JDIMENSION end = (JDIMENSION)(box->x + box->width + BESIDE);
    if (end > info->output_width) end = info->output_width;
    JDIMENSION width = end - x;
    if (x > 0 || width < info->output_width) jpeg_crop_scanline(info, &x, &width);
    return x;
}

/* The pixels, of 2^shift each, that stand for part of the box. */
static struct image_box shrunk_box(const struct image_box *box, int shift) {
    const int x = box->x >> shift, y = box->y >> shift;
    return (struct image_box){.x = x,
                              .y = y,
                              .width = image_shrunk(box->x + box->width, shift) - x,
                              .height = image_shrunk(box->y + box->height, shift) - y};
}

static enum status decode_jpeg(struct image *out, const struct image_box *whole_box,
                               const uint8_t *data, size_t size, struct error *e) {
    const struct image_box shrunk = shrunk_box(whole_box, out->shift), *box = &shrunk;
    const int columns = image_shrunk(out->width, out->shift);
    struct jpeg_decoder d;
    enum { ROWS = 16 };
    d.info.err = jpeg_std_error(&d.manager);
    d.manager.error_exit = jpeg_fail;
    d.manager.emit_message = jpeg_message;
    if (setjmp(d.failed)) {
        char text[JMSG_LENGTH_MAX];
        d.manager.format_message((j_common_ptr)&d.info, text);
        jpeg_destroy_decompress(&d.info);
        return fail(e, STATUS_BAD_DATA, "jpeg: %s", text);
    }
    jpeg_create_decompress(&d.info);
    d.alloc_sarray = d.info.mem->alloc_sarray;
    d.info.mem->alloc_sarray = alloc_zeros;
    jpeg_mem_src(&d.info, data, (unsigned long)size);
    jpeg_read_header(&d.info, TRUE);
    const bool cmyk = d.info.num_components == 4;
    d.info.out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
    d.info.scale_num = 1;
    d.info.scale_denom = 1u << out->shift;
    jpeg_start_decompress(&d.info);
    const bool in_part = !jpeg_has_multiple_scans(&d.info) &&
                         (out->shift == 0 || can_narrow_reduced(&d.info));
    CHECK((int)d.info.output_width == columns &&
          (int)d.info.output_height == image_shrunk(out->height, out->shift));
    uint8_t *first = out->pixels;
    if (in_part) {
        first += 3 * (size_t)narrow(&d.info, box, out->pixels);
        if (box->y) jpeg_skip_scanlines(&d.info, (JDIMENSION)box->y);
    }
    const JDIMENSION end = in_part ? (JDIMENSION)(box->y + box->height) : d.info.output_height;
    JSAMPARRAY inks = NULL; /* the library frees it with the rest */
    if (cmyk)
        inks = d.info.mem->alloc_sarray((j_common_ptr)&d.info, JPOOL_IMAGE, 4 * d.info.output_width,
                                        1);
    while (d.info.output_scanline < d.info.output_height) {
        JSAMPROW rows[ROWS];
        /* Behind the box all but the last row, whose damage is damage to the picture too. */
        if (d.info.output_scanline >= end && d.info.output_scanline + 1 < d.info.output_height)
            jpeg_skip_scanlines(&d.info, d.info.output_height - 1 - d.info.output_scanline);
        JDIMENSION left = d.info.output_height - d.info.output_scanline;
        JDIMENSION n = left < ROWS ? left : ROWS;
        for (JDIMENSION i = 0; i < n; i++)
            rows[i] = first + (size_t)(d.info.output_scanline + i) * (size_t)columns * 3;
        jpeg_read_scanlines(&d.info, cmyk ? inks : rows, cmyk ? 1 : n);
        if (cmyk) inks_to_rgb(rows[0], inks[0], d.info.output_width);
    }
    jpeg_finish_decompress(&d.info);
    jpeg_destroy_decompress(&d.info);
    return STATUS_OK;
}

bool image_background(uint32_t *out, const char *text) {
    static const struct {
        const char *name;
        uint32_t color;
    } names[] = {{"white", 0xFFFFFF}, {"black", 0}, {"grey", 0x808080}, {"gray", 0x808080}};
    *out = 0;
    if (!*text) return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(text, names[i].name)) *out = IMAGE_BACKGROUND | names[i].color;
    if (*out) return true;
    if (*text != '#' || strlen(text) != 7 || strspn(text + 1, "0123456789abcdefABCDEF") != 6)
        return false;
    *out = IMAGE_BACKGROUND | (uint32_t)strtoul(text + 1, NULL, 16);
    return true;
}

/* The colour that alpha is put on; 0: alpha is left out. */
static uint32_t background_of(struct image_rule rule) {
    if (rule.background) return rule.background;
    return rule.rgb == IMAGE_RGB_SHOWN ? IMAGE_BACKGROUND | 0xFFFFFF : 0;
}

/* Composes channel `channel` on the background, rounded to nearest. */
static uint8_t on_background(int c, int alpha, uint32_t background, int channel) {
    const int below = background >> (16 - 8 * channel) & 0xFF;
    return (uint8_t)((c * alpha + below * (255 - alpha) + 127) / 255);
}

/* From 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA) channels to RGB. */
static void to_rgb(uint8_t *out, const uint8_t *in, int n_channels, size_t n, uint32_t background) {
    if (n_channels == 3) {
        memcpy(out, in, n * 3);
        return;
    }
    const bool grey = n_channels < 3, use_alpha = n_channels != 1 && background;
    for (size_t i = 0; i < n; i++, in += n_channels, out += 3)
        for (int c = 0; c < 3; c++)
            out[c] = on_background(in[grey ? 0 : c], use_alpha ? in[n_channels - 1] : 255,
                                   background, c);
}

static enum status decode_webp(struct image *out, const uint8_t *data, size_t size,
                               uint32_t background, struct error *e) {
    WebPBitstreamFeatures features;
    size_t row_bytes = (size_t)out->width * 3, bytes = row_bytes * (size_t)out->height;
    if (WebPGetFeatures(data, size, &features) != VP8_STATUS_OK)
        return fail(e, STATUS_BAD_DATA, "webp: damaged header");
    if (!features.has_alpha || !background) {
        if (!WebPDecodeRGBInto(data, size, out->pixels, bytes, (int)row_bytes))
            return fail(e, STATUS_BAD_DATA, "webp: damaged picture");
        return STATUS_OK;
    }
    int width, height;
    uint8_t *pixels = WebPDecodeRGBA(data, size, &width, &height);
    if (!pixels) return fail(e, STATUS_BAD_DATA, "webp: damaged picture");
    CHECK(width == out->width && height == out->height);
    to_rgb(out->pixels, pixels, 4, bytes / 3, background);
    WebPFree(pixels);
    return STATUS_OK;
}

enum { PNG_DEPTH = 24, PNG_COLOR = 25, PNG_COLOR_GREY = 0, PNG_COLOR_PALETTE = 3 };

/* stb_image reads past the end of a palette that is shorter than an index in the pixels, and what
 * is there differs from run to run. So such a PNG is copied with the palette filled up to 256
 * colours by greys, colour i being i, as Pillow does; *copy is NULL when there is nothing to fill.
 * The chunks have been walked before, and stb_image does not look at the CRC. */
static enum status fill_palette(uint8_t **copy, size_t *copy_size, const uint8_t *data, size_t size,
                                struct error *e) {
    enum { BYTES = 3 * 256 };
    size_t at = 8, n = 0;
    *copy = NULL;
    if (data[PNG_COLOR] != PNG_COLOR_PALETTE) return STATUS_OK;
    for (;; at += n + 12) {
        n = (size_t)data[at + 2] << 8 | data[at + 3] | (size_t)data[at + 1] << 16;
        if (!memcmp(data + at + 4, "PLTE", 4)) break;
        if (!memcmp(data + at + 4, "IEND", 4)) return STATUS_OK;
    }
    if (n >= BYTES || n % 3) return STATUS_OK; /* complete, or for stb_image to refuse */
    *copy_size = size + BYTES - n;
    *copy = malloc(*copy_size);
    if (!*copy) return fail(e, STATUS_NO_MEMORY, "png: no memory for %zu bytes", *copy_size);
    memcpy(*copy, data, at + 8 + n);
    for (size_t i = n; i < BYTES; i++) (*copy)[at + 8 + i] = (uint8_t)(i / 3);
    memcpy(*copy + at + 8 + BYTES, data + at + 8 + n, size - at - 8 - n);
    (*copy)[at + 2] = BYTES >> 8;
    (*copy)[at + 3] = BYTES & 0xFF;
    return STATUS_OK;
}

/* Grey of 16 bits in native byte order, clamped to a byte: what Pillow makes of it. */
static void clamped_grey(uint8_t *out, const uint16_t *in, int n_channels, size_t n,
                         uint32_t background) {
    for (size_t i = 0; i < n; i++, in += n_channels, out += 3)
        for (int c = 0; c < 3; c++)
            out[c] = on_background(*in < 255 ? *in : 255,
                                   n_channels == 2 && background ? in[1] >> 8 : 255, background, c);
}

static enum status decode_png(struct image *out, const uint8_t *data, size_t size,
                              struct image_rule rule, struct error *e) {
    size_t n = (size_t)out->width * (size_t)out->height;
    allocation_max = image_check_png_allocation(data, size);
    int width, height, n_channels;
    const bool clamp =
        rule.rgb == IMAGE_RGB_PILLOW && data[PNG_DEPTH] == 16 && data[PNG_COLOR] == PNG_COLOR_GREY;
    uint8_t *copy = NULL;
    size_t copy_size = 0;
    enum status rc = fill_palette(&copy, &copy_size, data, size, e);
    if (rc != STATUS_OK) return rc;
    const uint8_t *from = copy ? copy : data;
    const int from_size = (int)(copy ? copy_size : size);
    void *pixels =
        clamp ? (void *)stbi_load_16_from_memory(from, from_size, &width, &height, &n_channels, 0)
              : stbi_load_from_memory(from, from_size, &width, &height, &n_channels, 0);
    free(copy);
    if (!pixels) return fail(e, STATUS_BAD_DATA, "png: %s", stbi_failure_reason());
    CHECK(width == out->width && height == out->height);
    if (clamp)
        clamped_grey(out->pixels, pixels, n_channels, n, background_of(rule));
    else
        to_rgb(out->pixels, pixels, n_channels, n, background_of(rule));
    stbi_image_free(pixels);
    return STATUS_OK;
}

/* With the room for it. */
static enum status decode(struct image *out, const struct image_info *info,
                          const struct image_part *part, const void *data, size_t size,
                          struct image_rule rule, struct error *e) {
    enum status rc;
    const struct image_box *box = &part->box;
    const int shift = info->format == IMAGE_JPEG ? part->shift : 0;
    CHECK(shift >= 0 && shift <= IMAGE_SHIFT_MAX);
    CHECK(box->x >= 0 && box->y >= 0 && box->width > 0 && box->height > 0 &&
          box->width <= info->width - box->x && box->height <= info->height - box->y);
    TRY(reserve(out, info->width, info->height, shift, e));
    switch (info->format) {
    case IMAGE_JPEG:
        TRY(decode_jpeg(out, box, data, size, e));
        break;
    case IMAGE_WEBP:
        TRY(decode_webp(out, data, size, background_of(rule), e));
        break;
    case IMAGE_PNG:
        TRY(decode_png(out, data, size, rule, e));
        break;
    case IMAGE_BMP:
        image_bmp_decode(out->pixels, data, size);
        break;
    }
done:
    if (rc != STATUS_OK) out->width = out->height = out->shift = 0;
    return rc;
}

enum status image_decode_part(struct image *out, const struct image_info *info,
                              const struct image_part *part, const void *data, size_t size,
                              struct image_rule rule, struct error *e) {
    image_done(out); /* what is kept must not wait for room */
    decode_room_enter(info->decode_bytes);
    const enum status rc = decode(out, info, part, data, size, rule, e);
    const bool must_count = out->capacity > KEPT_FREE_MAX;
    if (must_count) /* image_reserve may have made more of it */
        out->kept = out->capacity < info->decode_bytes ? out->capacity : info->decode_bytes;
    decode_room_leave(info->decode_bytes, out->kept);
    return rc;
}

enum status image_decode(struct image *out, const void *data, size_t size,
                         struct image_rule rule, struct error *e) {
    struct image_info info;
    out->width = out->height = out->shift = 0;
    enum status rc = image_check(&info, data, size, e);
    if (rc != STATUS_OK) return rc;
    const struct image_part all = {.box = {.width = info.width, .height = info.height}};
    return image_decode_part(out, &info, &all, data, size, rule, e);
}
