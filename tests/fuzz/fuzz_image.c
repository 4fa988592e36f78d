/* Encoded pictures. A picture or BAD_DATA; part of it has the same pixels and the same verdict. The
 * CRCs of two in three PNGs are repaired first, so that changes reach the decoder. */
#include <stdlib.h>
#include <string.h>

#include "data/images/image.h"
#include "data/images/resize.h"
#include "data/shards/gzip.h"
#include "tests/fuzz/fuzz.h"

enum { PIXELS_MAX = 1 << 20, SIDE = 8 }; /* larger ones are left out: they cost time */

static void repair_png(uint8_t *bytes, size_t n) {
    for (size_t at = 8; n >= 12 && at <= n - 12;) {
        size_t length = (size_t)bytes[at] << 24 | (size_t)bytes[at + 1] << 16 |
                        (size_t)bytes[at + 2] << 8 | bytes[at + 3];
        if (length > n - at - 12) return;
        uint32_t crc = gzip_crc32(bytes + at + 4, length + 4);
        for (int i = 0; i < 4; i++) bytes[at + 8 + length + i] = (uint8_t)(crc >> (24 - 8 * i));
        at += length + 12;
    }
}

static void compare(const struct image_info *info, const struct image *whole, enum status rc,
                    struct image_rule rule, const uint8_t *bytes, size_t n) {
    static struct image part;
    static struct resize_memory memory;
    struct image_part read = {.box = resize_center_box(SIDE, info->width, info->height)};
    struct error e;
    uint8_t expect[SIDE * SIDE * 3], out[SIDE * SIDE * 3];
    CHECK(image_decode_part(&part, info, &read, bytes, n, rule, &e) == rc);
    if (rc != STATUS_OK) {
        read.shift = n % (IMAGE_SHIFT_MAX + 1);
        CHECK(image_decode_part(&part, info, &read, bytes, n, rule, &e) == rc);
        return;
    }
    CHECK(resize_center_crop(expect, SIDE, whole, &memory, &e) == STATUS_OK);
    CHECK(resize_center_crop(out, SIDE, &part, &memory, &e) == STATUS_OK);
    CHECK(!memcmp(out, expect, sizeof out));
    /* At each scale that the centre crop may be read at, too. */
    struct image_part all = {.box = {.width = info->width, .height = info->height}};
    read.shift = all.shift = resize_shift(1, SIDE, &read.box);
    CHECK(image_decode_part(&part, info, &all, bytes, n, rule, &e) == rc);
    CHECK(resize_center_crop(expect, SIDE, &part, &memory, &e) == STATUS_OK);
    CHECK(image_decode_part(&part, info, &read, bytes, n, rule, &e) == rc);
    CHECK(resize_center_crop(out, SIDE, &part, &memory, &e) == STATUS_OK);
    CHECK(!memcmp(out, expect, sizeof out));
}

int LLVMFuzzerTestOneInput(const uint8_t *given, size_t n) {
    static struct image whole;
    struct image_info info;
    struct error e;
    const struct image_rule rule = {.rgb = n % 2 ? IMAGE_RGB_SHOWN : IMAGE_RGB_PILLOW,
                                    .background = n % 5 ? 0 : IMAGE_BACKGROUND | 0x123456};
    uint8_t *bytes = malloc(n ? n : 1);
    CHECK(bytes);
    if (n) memcpy(bytes, given, n);
    if (n % 3) repair_png(bytes, n);
    enum status rc = image_check(&info, bytes, n, &e);
    CHECK(rc == STATUS_OK || rc == STATUS_BAD_DATA);
    if (rc != STATUS_OK || info.width * info.height <= PIXELS_MAX) {
        const enum status decoded = image_decode(&whole, bytes, n, rule, &e);
        CHECK(decoded == STATUS_OK || decoded == STATUS_BAD_DATA);
        CHECK(decoded == STATUS_OK ? whole.width == info.width && whole.height == info.height
                                   : whole.width == 0);
        if (rc == STATUS_OK)
            compare(&info, &whole, decoded, rule, bytes, n);
        else
            CHECK(decoded == STATUS_BAD_DATA);
    }
    free(bytes);
    return 0;
}
