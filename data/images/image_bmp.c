#include "data/images/image_bmp.h"
#include "data/images/image_check.h"

#include <string.h>

enum { FILE_HEADER = 14, COLORS_MAX = 256, RAW = 0, BITFIELDS = 3 };

/* The fields of the headers. */
struct layout {
    int64_t width, height, bits, palette, n_colors, pixels, row_bytes;
    bool top_down;
    uint32_t mask[3]; /* red, green, blue */
};

static uint32_t little16(const uint8_t *p) {
    return (uint32_t)p[1] << 8 | p[0];
}

static uint32_t little32(const uint8_t *p) {
    return little16(p + 2) << 16 | little16(p);
}

/* The masks that Pillow knows, in the order red, green, blue. */
static bool mask_is_known(const struct layout *l) {
    static const struct {
        int bits;
        uint32_t mask[3];
    } known[] = {
        {16, {0xF800, 0x7E0, 0x1F}},          {16, {0x7C00, 0x3E0, 0x1F}},
        {24, {0xFF0000, 0xFF00, 0xFF}},       {32, {0xFF0000, 0xFF00, 0xFF}},
        {32, {0xFF000000, 0xFF0000, 0xFF00}}, {32, {0xFF, 0xFF00, 0xFF0000}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].bits == l->bits && !memcmp(known[i].mask, l->mask, sizeof l->mask))
            return true;
    return false;
}

static void plain_masks(struct layout *l) {
    const bool small = l->bits == 16;
    l->mask[0] = small ? 0x7C00 : 0xFF0000;
    l->mask[1] = small ? 0x3E0 : 0xFF00;
    l->mask[2] = small ? 0x1F : 0xFF;
}

static enum status read_masks(struct layout *l, const uint8_t *data, size_t size, int64_t coding,
                              struct error *e) {
    enum { MASKS = 54 };
    plain_masks(l);
    if (coding == RAW) return STATUS_OK;
    if (size < MASKS + 12) return fail(e, STATUS_BAD_DATA, "bmp: cut short in the masks");
    uint32_t any = 0;
    for (int c = 0; c < 3; c++) any |= l->mask[c] = little32(data + MASKS + 4 * c);
    if (!any && l->bits == 32) plain_masks(l);
    if (!mask_is_known(l))
        return fail(e, STATUS_BAD_DATA, "bmp: masks %X, %X, %X of %d bits; expected usual ones",
                    l->mask[0], l->mask[1], l->mask[2], (int)l->bits);
    return STATUS_OK;
}

static enum status read_layout(struct layout *l, const uint8_t *data, size_t size,
                               struct error *e) {
    if (size < FILE_HEADER + 40 || data[0] != 'B' || data[1] != 'M')
        return fail(e, STATUS_BAD_DATA, "bmp: not a BMP");
    const int64_t header = little32(data + 14), coding = little32(data + 30);
    const int32_t height = (int32_t)little32(data + 22);
    *l = (struct layout){.width = (int32_t)little32(data + 18),
                         .height = height < 0 ? -(int64_t)height : height,
                         .bits = little16(data + 28),
                         .palette = FILE_HEADER + header,
                         .pixels = little32(data + 10),
                         .top_down = height < 0};
    const bool has_palette = l->bits == 1 || l->bits == 4 || l->bits == 8;
    const bool has_masks = l->bits == 16 || l->bits == 24 || l->bits == 32;
    if ((header != 40 && header != 108 && header != 124) || (!has_palette && !has_masks) ||
        (coding != RAW && !(coding == BITFIELDS && has_masks)))
        return fail(e, STATUS_BAD_DATA,
                    "bmp: expected plain rows, found coding %d of %d bits, header of %d bytes",
                    (int)coding, (int)l->bits, (int)header);
    enum status rc = image_check_size("bmp", l->width, l->height, e);
    if (rc != STATUS_OK) return rc;
    l->row_bytes = (l->width * l->bits + 31) / 32 * 4;
    if (has_palette) {
        l->n_colors = little32(data + 46);
        if (!l->n_colors) l->n_colors = (int64_t)1 << l->bits;
        if (l->n_colors > COLORS_MAX)
            return fail(e, STATUS_BAD_DATA, "bmp: palette of %lld colours; expected up to %d",
                        (long long)l->n_colors, COLORS_MAX);
    }
    if (l->pixels < l->palette + 4 * l->n_colors ||
        l->row_bytes * l->height > (int64_t)size - l->pixels)
        return fail(e, STATUS_BAD_DATA, "bmp: cut short");
    return has_masks ? read_masks(l, data, size, coding, e) : STATUS_OK;
}

enum status image_bmp_check(struct image_info *info, const uint8_t *data, size_t size,
                            struct error *e) {
    struct layout l;
    enum status rc = read_layout(&l, data, size, e);
    if (rc == STATUS_OK)
        *info = (struct image_info){.format = IMAGE_BMP,
                                    .width = (int)l.width,
                                    .height = (int)l.height,
                                    .decode_bytes = 3 * (uint64_t)(l.width * l.height)};
    return rc;
}

static void palette_row(uint8_t *out, const uint8_t *row, const struct layout *l,
                        const uint8_t *palette) {
    for (int64_t x = 0; x < l->width; x++, out += 3) {
        const int shift = (int)(8 - l->bits - x * l->bits % 8);
        const int i = row[x * l->bits / 8] >> shift & ((1 << l->bits) - 1);
        const uint8_t *color = palette + (size_t)4 * (size_t)i;
        for (int c = 0; c < 3; c++) out[c] = i < l->n_colors ? color[2 - c] : (uint8_t)i;
    }
}

static void mask_row(uint8_t *out, const uint8_t *row, const struct layout *l) {
    const int bytes = (int)l->bits / 8;
    for (int64_t x = 0; x < l->width; x++, row += bytes)
        for (int c = 0; c < 3; c++) {
            uint32_t mask = l->mask[c], v = 0;
            for (int i = 0; i < bytes; i++) v |= (uint32_t)row[i] << 8 * i;
            for (v &= mask; !(mask & 1); mask >>= 1) v >>= 1;
            *out++ = (uint8_t)(v * 255 / mask);
        }
}

void image_bmp_decode(uint8_t *out, const uint8_t *data, size_t size) {
    struct layout l;
    struct error e;
    CHECK(read_layout(&l, data, size, &e) == STATUS_OK);
    for (int64_t y = 0; y < l.height; y++, out += 3 * l.width) {
        const uint8_t *row = data + l.pixels + (l.top_down ? y : l.height - 1 - y) * l.row_bytes;
        if (l.n_colors)
            palette_row(out, row, &l, data + l.palette);
        else
            mask_row(out, row, &l);
    }
}
