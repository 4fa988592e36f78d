#include "data/images/image_check.h"
#include "data/shards/gzip.h"

#include <inttypes.h>
#include <string.h>

static uint32_t big16(const uint8_t *p) {
    return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t big32(const uint8_t *p) {
    return big16(p) << 16 | big16(p + 2);
}

enum status image_check_size(const char *format, int64_t width, int64_t height, struct error *e) {
    if (width < 1 || height < 1)
        return fail(e, STATUS_BAD_DATA, "%s: size %" PRId64 " x %" PRId64, format, width, height);
    if (width > IMAGE_SIDE_MAX || height > IMAGE_SIDE_MAX || width * height > IMAGE_PIXELS_MAX)
        return fail(e, STATUS_BAD_DATA,
                    "%s: too large; expected sides up to %d and up to %d pixels, found %" PRId64
                    " x %" PRId64,
                    format, IMAGE_SIDE_MAX, IMAGE_PIXELS_MAX, width, height);
    return STATUS_OK;
}

/* What the walk over a JPEG has seen so far. */
struct jpeg_walk {
    const uint8_t *data;
    size_t size, at;
    int width, height, n_components, n_scans;
    bool progressive;
};

/* p: the frame header after its length, n bytes. */
static enum status jpeg_frame(struct jpeg_walk *w, const uint8_t *p, size_t n, int marker,
                              struct error *e) {
    if (w->n_components) return fail(e, STATUS_BAD_DATA, "jpeg: second frame header");
    if (n < 6) return fail(e, STATUS_BAD_DATA, "jpeg: frame header of %zu bytes", n);
    if (p[0] != 8)
        return fail(e, STATUS_BAD_DATA, "jpeg: expected 8 bits a sample, found %d", p[0]);
    w->height = (int)big16(p + 1);
    w->width = (int)big16(p + 3);
    w->n_components = p[5];
    w->progressive = marker == 0xC2;
    if (n != 6 + 3 * (size_t)w->n_components)
        return fail(e, STATUS_BAD_DATA, "jpeg: frame header of %zu bytes for %d components", n,
                    w->n_components);
    if (w->n_components != 1 && w->n_components != 3 && w->n_components != 4)
        return fail(e, STATUS_BAD_DATA, "jpeg: expected 1, 3 or 4 components, found %d",
                    w->n_components);
    return image_check_size("jpeg", w->width, w->height, e);
}

static enum status jpeg_huffman(const uint8_t *p, size_t n, struct error *e) {
    while (n) {
        size_t count = 0;
        if (n < 17) return fail(e, STATUS_BAD_DATA, "jpeg: Huffman table cut short");
        for (int i = 1; i <= 16; i++) count += p[i];
        if (count > 256 || count > n - 17)
            return fail(e, STATUS_BAD_DATA, "jpeg: Huffman table of %zu codes in %zu bytes", count,
                        n - 17);
        p += 17 + count;
        n -= 17 + count;
    }
    return STATUS_OK;
}

/* Skips entropy-coded bytes: up to an FF that is neither stuffed nor a restart marker. */
static size_t jpeg_skip_scan(const uint8_t *data, size_t size, size_t at) {
    while (at < size) {
        const uint8_t *mark = memchr(data + at, 0xFF, size - at);
        if (!mark) return size;
        at = (size_t)(mark - data);
        if (at + 1 >= size) return size;
        int next = data[at + 1];
        if (next == 0xFF)
            at++;
        else if (next == 0 || (next >= 0xD0 && next <= 0xD7))
            at += 2;
        else
            return at;
    }
    return size;
}

static enum status jpeg_segment(struct jpeg_walk *w, int marker, struct error *e) {
    if (w->size - w->at < 2) return fail(e, STATUS_BAD_DATA, "jpeg: cut short in a segment");
    size_t n = big16(w->data + w->at);
    if (n < 2 || n > w->size - w->at)
        return fail(e, STATUS_BAD_DATA,
                    "jpeg: segment FF%02X at byte %zu: length %zu, but %zu bytes are left", marker,
                    w->at - 2, n, w->size - w->at);
    const uint8_t *p = w->data + w->at + 2;
    w->at += n;
    n -= 2;
    if (marker == 0xC4) return jpeg_huffman(p, n, e);
    if (marker >= 0xC0 && marker <= 0xC2) return jpeg_frame(w, p, n, marker, e);
    if (marker >= 0xC3 && marker <= 0xCF)
        return fail(e, STATUS_BAD_DATA,
                    "jpeg: coding FF%02X; expected baseline or progressive with Huffman codes",
                    marker);
    if (marker == 0xDA) {
        if (!w->n_components) return fail(e, STATUS_BAD_DATA, "jpeg: scan before the frame");
        if (++w->n_scans > IMAGE_JPEG_SCANS_MAX)
            return fail(e, STATUS_BAD_DATA, "jpeg: more than %d scans", IMAGE_JPEG_SCANS_MAX);
        w->at = jpeg_skip_scan(w->data, w->size, w->at);
    }
    return STATUS_OK;
}

/* The pixels and what libjpeg-turbo takes: rows of blocks, and for a picture in several scans all
 * coefficients of 16 bits, up to whole blocks of the coarsest sampling. */
static uint64_t jpeg_bytes(const struct jpeg_walk *w) {
    enum { ROWS = 128, EDGE = 32, MORE = 1 << 18 };
    const uint64_t width = (uint64_t)w->width, height = (uint64_t)w->height,
                   n = (uint64_t)w->n_components;
    uint64_t bytes = 3 * width * height + ROWS * n * (width + EDGE) + MORE;
    if (w->progressive || w->n_scans > 1) bytes += 2 * n * (width + EDGE) * (height + EDGE);
    return bytes;
}

enum status image_check_jpeg(struct image_info *info, const uint8_t *data, size_t size,
                             struct error *e) {
    struct jpeg_walk w = {.data = data, .size = size, .at = 2};
    if (size < 4 || data[0] != 0xFF || data[1] != 0xD8)
        return fail(e, STATUS_BAD_DATA, "jpeg: not a JPEG");
    for (;;) {
        if (w.at >= size) return fail(e, STATUS_BAD_DATA, "jpeg: cut short, no end marker");
        if (data[w.at] != 0xFF)
            return fail(e, STATUS_BAD_DATA, "jpeg: expected a marker at byte %zu, found %02X", w.at,
                        data[w.at]);
        while (w.at < size && data[w.at] == 0xFF) w.at++; /* fill bytes */
        if (w.at >= size) return fail(e, STATUS_BAD_DATA, "jpeg: cut short, no end marker");
        int marker = data[w.at++];
        if (marker == 0xD9) break;
        if (marker < 0xC0 || (marker >= 0xD0 && marker <= 0xD8))
            return fail(e, STATUS_BAD_DATA, "jpeg: marker FF%02X out of place", marker);
        enum status rc = jpeg_segment(&w, marker, e);
        if (rc != STATUS_OK) return rc;
    }
    if (!w.n_scans) return fail(e, STATUS_BAD_DATA, "jpeg: no picture before the end marker");
    /* A baseline picture spends bits on every block; fewer mean a header that lies. */
    if (!w.progressive &&
        (int64_t)w.width * w.height / IMAGE_JPEG_PIXELS_PER_BYTE_MAX > (int64_t)size)
        return fail(e, STATUS_BAD_DATA, "jpeg: %d x %d pixels in %zu bytes", w.width, w.height,
                    size);
    *info = (struct image_info){.format = IMAGE_JPEG,
                                .width = w.width,
                                .height = w.height,
                                .decode_bytes = jpeg_bytes(&w)};
    return STATUS_OK;
}

/* Bits of one pixel, or 0 for a combination the standard does not have. */
static int png_pixel_bits(int depth, int color) {
    bool small = depth == 1 || depth == 2 || depth == 4, large = depth == 8 || depth == 16;
    switch (color) {
    case 0:
        return small || large ? depth : 0;
    case 2:
        return large ? 3 * depth : 0;
    case 3:
        return small || depth == 8 ? depth : 0;
    case 4:
        return large ? 2 * depth : 0;
    case 6:
        return large ? 4 * depth : 0;
    default:
        return 0;
    }
}

enum {
    PNG_DEPTH = 24,
    PNG_COLOR = 25,
    PNG_INTERLACE = 28,
    PNG_COLOR_PALETTE = 3,
    PNG_COLOR_ALPHA = 4 /* a bit of it */
};

/* Bytes that stb_image expects to inflate: rows of each channel, and the filter bytes. */
static uint64_t png_inflated(const uint8_t *data) {
    static const uint8_t channels[7] = {1, 0, 3, 1, 2, 0, 4};
    const uint64_t row = ((uint64_t)big32(data + 16) * data[PNG_DEPTH] + 7) / 8;
    return (row * channels[data[PNG_COLOR]] + 1) * big32(data + 20);
}

/* The compressed bytes, which it doubles too. */
static uint64_t png_collected(size_t size) {
    return 2 * (uint64_t)size + 8192;
}

size_t image_check_png_allocation(const uint8_t *data, size_t size) {
    const uint64_t n = (uint64_t)big32(data + 16) * big32(data + 20);
    const uint64_t channels = data[PNG_COLOR] == PNG_COLOR_PALETTE ? 4
                              : data[PNG_COLOR] & 2                ? 4
                                                                   : 2;
    const uint64_t out = n * channels * (data[PNG_DEPTH] == 16 ? 2 : 1);
    uint64_t most = 2 * png_inflated(data) + 65536; /* doubled once: passes of an interlaced one */
    if (out > most) most = out;
    if (png_collected(size) > most) most = png_collected(size);
    return (size_t)most;
}

/* The pixels, and the most that stb_image holds at once: the compressed bytes beside the inflated
 * ones, then these beside the picture with its alpha, a pass of an interlaced one, and a palette's
 * colours. The 8 bits made of 16 come when the inflated ones are gone. */
static uint64_t png_bytes(const uint8_t *data, size_t size, bool has_key) {
    static const uint8_t channels[7] = {1, 0, 3, 1, 2, 0, 4};
    const uint64_t n = (uint64_t)big32(data + 16) * big32(data + 20);
    const bool is_palette = data[PNG_COLOR] == PNG_COLOR_PALETTE;
    uint64_t picture = n * (channels[data[PNG_COLOR]] + (has_key && !is_palette)) *
                       (data[PNG_DEPTH] == 16 ? 2 : 1);
    if (data[PNG_INTERLACE]) picture += picture / 2 + 8 * (uint64_t)big32(data + 16);
    if (is_palette)
        picture += 4 * n + size + 1024; /* and a copy of the file with a palette filled */
    if (png_collected(size) > picture) picture = png_collected(size);
    return 3 * n + 2 * png_inflated(data) + 65536 + picture;
}

static enum status png_header(struct image_info *info, int *bits, const uint8_t *p, size_t n,
                              struct error *e) {
    if (n != 13) return fail(e, STATUS_BAD_DATA, "png: header of %zu bytes", n);
    *bits = png_pixel_bits(p[8], p[9]);
    if (!*bits || p[10] || p[11] || p[12] > 1)
        return fail(e, STATUS_BAD_DATA,
                    "png: depth %d, colour %d, compression %d, filter %d, interlace %d do not go "
                    "together",
                    p[8], p[9], p[10], p[11], p[12]);
    enum status rc = image_check_size("png", big32(p), big32(p + 4), e);
    if (rc == STATUS_OK)
        *info = (struct image_info){
            .format = IMAGE_PNG, .width = (int)big32(p), .height = (int)big32(p + 4)};
    return rc;
}

enum status image_check_png(struct image_info *info, const uint8_t *data, size_t size,
                            struct error *e) {
    size_t at = 8, idat_bytes = 0;
    int bits = 0;
    bool has_key = false;
    if (size < 8 || memcmp(data, "\x89PNG\r\n\x1A\n", 8))
        return fail(e, STATUS_BAD_DATA, "png: not a PNG");
    for (;;) {
        if (size - at < 12) return fail(e, STATUS_BAD_DATA, "png: cut short, no IEND");
        size_t n = big32(data + at);
        const uint8_t *type = data + at + 4;
        if (n > size - at - 12)
            return fail(e, STATUS_BAD_DATA,
                        "png: chunk at byte %zu: length %zu, but %zu bytes are left", at, n,
                        size - at - 12);
        if (gzip_crc32(type, n + 4) != big32(type + 4 + n))
            return fail(e, STATUS_BAD_DATA, "png: chunk at byte %zu: wrong CRC", at);
        if (!memcmp(type, "IHDR", 4) != (at == 8))
            return fail(e, STATUS_BAD_DATA, "png: IHDR is not the first and only header");
        if (at == 8) {
            enum status rc = png_header(info, &bits, type + 4, n, e);
            if (rc != STATUS_OK) return rc;
        }
        at += n + 12;
        if (!memcmp(type, "IDAT", 4)) idat_bytes += n;
        if (!memcmp(type, "tRNS", 4)) has_key = true;
        if (!memcmp(type, "IEND", 4)) break;
    }
    /* Deflate shrinks to 1/1032 at best; less data cannot fill the picture. */
    int64_t row_bytes = ((int64_t)info->width * bits + 7) / 8 + 1;
    if (!idat_bytes || row_bytes * info->height / 1032 > (int64_t)idat_bytes)
        return fail(e, STATUS_BAD_DATA, "png: %d x %d pixels in %zu bytes", info->width,
                    info->height, idat_bytes);
    info->has_alpha = has_key || data[PNG_COLOR] & PNG_COLOR_ALPHA;
    info->decode_bytes = png_bytes(data, size, has_key);
    return STATUS_OK;
}
