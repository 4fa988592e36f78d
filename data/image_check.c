#include "data/image_check.h"
#include "data/gzip.h"

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
    *info = (struct image_info){.format = IMAGE_JPEG, .width = w.width, .height = w.height};
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
        if (!memcmp(type, "IEND", 4)) break;
    }
    /* Deflate shrinks to 1/1032 at best; less data cannot fill the picture. */
    int64_t row_bytes = ((int64_t)info->width * bits + 7) / 8 + 1;
    if (!idat_bytes || row_bytes * info->height / 1032 > (int64_t)idat_bytes)
        return fail(e, STATUS_BAD_DATA, "png: %d x %d pixels in %zu bytes", info->width,
                    info->height, idat_bytes);
    return STATUS_OK;
}
