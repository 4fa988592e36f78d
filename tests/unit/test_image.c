/* Decoding. Expected pixels are Pillow's (tests/golden/make_images.py). */
#include "data/images/image.h"
#include "data/shards/gzip.h"
#include "pipeline/base/file.h"
#include "pipeline/base/random.h"
#include "tests/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#define FOLDER SAPWOOD_SOURCE_DIR "/tests/fixtures/images/"

static const char *const names[] = {
    "color_420.jpg",
    "color_444.jpg",
    "grey.jpg",
    "progressive.jpg",
    "turned.jpg",
    "cmyk.jpg",
    "ycck.jpg",
    "color.png",
    "grey.png",
    "palette.png",
    "palette_short.png",
    "deep.png",
    "bit.png",
    "grey_2.png",
    "grey_4_interlaced.png",
    "interlaced.png",
    "palette_2_interlaced.png",
    "lossy.webp",
    "color.bmp",
    "palette_8.bmp",
    "palette_4.bmp",
    "bit.bmp",
    "rgb_555.bmp",
    "rgb_565.bmp",
    "plain_32.bmp",
    "alpha.bmp",
    /* These have other pixels as IMAGE_RGB_SHOWN. */
    "alpha.png",
    "grey_alpha.png",
    "palette_key.png",
    "palette_alpha.png",
    "color_key.png",
    "grey_key.png",
    "deep_alpha.png",
    "deep_grey_alpha.png",
    "deep_grey.png",
    "dark_grey.png",
    "lossless_alpha.webp",
};
enum { N_NAMES = sizeof names / sizeof *names, N_SHOWN = 11 };

/* So many blocks that a part of the picture leaves rows and columns of them out. */
static const char *const large_names[] = {"large_420.jpg", "large_422.jpg", "large_444.jpg",
                                          "large_progressive.jpg"};
enum { N_LARGE = sizeof large_names / sizeof *large_names };

static uint8_t *read_fixture(const char *name, const char *suffix, size_t *n) {
    char path[512], *bytes = NULL;
    struct error e;
    snprintf(path, sizeof path, "%s%s%s", FOLDER, name, suffix);
    if (!CHECK_EQUAL(file_read_all(&bytes, n, path, 1 << 20, &e), STATUS_OK)) exit(check_report());
    return (uint8_t *)bytes;
}

static const struct image_rule pillow = {.rgb = IMAGE_RGB_PILLOW};

static void test_pixels(struct image_rule rule) {
    struct image image = {0}; /* one for all: memory is reused */
    for (int i = 0; i < N_NAMES; i++) {
        const bool shown = rule.rgb == IMAGE_RGB_SHOWN && i >= N_NAMES - N_SHOWN;
        size_t n, n_expected;
        struct error e = {0};
        int32_t size[2];
        uint8_t *bytes = read_fixture(names[i], "", &n);
        uint8_t *expected = read_fixture(names[i], shown ? ".shown.rgb" : ".rgb", &n_expected);
        memcpy(size, expected, sizeof size);
        if (!CHECK_EQUAL(image_decode(&image, bytes, n, rule, &e), STATUS_OK))
            printf("    %s: %s\n", names[i], e.text);
        else if (CHECK_EQUAL(image.width, size[0]) && CHECK_EQUAL(image.height, size[1])) {
            if (!CHECK_TRUE(!memcmp(image.pixels, expected + 8, n_expected - 8)))
                printf("    %s: pixels differ, rule %d\n", names[i], (int)rule.rgb);
        }
        free(bytes);
        free(expected);
    }
    image_release(&image);
    CHECK_TRUE(image.pixels == NULL);
}

/* White is what "shown" does; another colour shows by what black leaves open. */
static void test_background(void) {
    static const char *const with_alpha[] = {"alpha.png",     "deep_alpha.png",
                                             "grey_alpha.png", "color_key.png",
                                             "palette_alpha.png", "lossless_alpha.webp"};
    uint32_t color = 0;
    CHECK_TRUE(image_background(&color, "white") && color == (IMAGE_BACKGROUND | 0xFFFFFF));
    CHECK_TRUE(image_background(&color, "#0a80Fe") && color == (IMAGE_BACKGROUND | 0x0A80FE));
    CHECK_TRUE(image_background(&color, "black") && color == IMAGE_BACKGROUND);
    CHECK_TRUE(image_background(&color, "") && color == 0);
    CHECK_TRUE(!image_background(&color, "#12345") && !image_background(&color, "#12345g") &&
               !image_background(&color, "whiteish") && !image_background(&color, "123456"));
    const struct image_rule shown = {.rgb = IMAGE_RGB_SHOWN},
                            white = {.background = IMAGE_BACKGROUND | 0xFFFFFF},
                            black = {.background = IMAGE_BACKGROUND},
                            blue = {.rgb = IMAGE_RGB_SHOWN, .background = IMAGE_BACKGROUND | 0x66};
    for (size_t i = 0; i < sizeof with_alpha / sizeof *with_alpha; i++) {
        struct image picture[4] = {0};
        const struct image_rule rule[4] = {shown, white, black, blue};
        struct image_info info;
        struct error e;
        size_t n;
        uint8_t *bytes = read_fixture(with_alpha[i], "", &n);
        CHECK_EQUAL(image_check(&info, bytes, n, &e), STATUS_OK);
        CHECK_TRUE(info.has_alpha);
        for (int k = 0; k < 4; k++)
            CHECK_EQUAL(image_decode(&picture[k], bytes, n, rule[k], &e), STATUS_OK);
        const int n_bytes = 3 * picture[0].width * picture[0].height;
        int wrong = 0, lighter = 0;
        for (int k = 0; k < n_bytes; k++) {
            const int on_white = picture[1].pixels[k], on_black = picture[2].pixels[k];
            const int open = on_white - on_black; /* 255 - alpha, to a step of rounding */
            const double expected = on_black + (k % 3 == 2 ? 0x66 / 255.0 * open : 0);
            wrong += picture[0].pixels[k] != on_white;
            wrong += open < 0 || fabs(picture[3].pixels[k] - expected) > 1.01;
            lighter += open > 0;
        }
        CHECK_EQUAL(wrong, 0);
        if (!CHECK_TRUE(lighter > 0)) printf("    %s: all is covered\n", with_alpha[i]);
        for (int k = 0; k < 4; k++) image_release(&picture[k]);
        free(bytes);
    }
    for (int i = 0; i < 2; i++) {
        struct image_info info;
        struct error e;
        size_t n;
        uint8_t *bytes = read_fixture(i ? "color.png" : "color_420.jpg", "", &n);
        CHECK_EQUAL(image_check(&info, bytes, n, &e), STATUS_OK);
        CHECK_TRUE(!info.has_alpha);
        free(bytes);
    }
}

/* Every cut of every file must be refused: decoders themselves accept most of them. */
static void test_cuts(void) {
    struct image image = {0};
    for (int i = 0; i < N_NAMES; i++) {
        size_t n;
        int n_accepted = 0;
        uint8_t *bytes = read_fixture(names[i], "", &n);
        for (size_t cut = 0; cut < n; cut++) {
            struct error e;
            uint8_t *copy = malloc(cut + 1); /* exact size, for the address sanitizer */
            memcpy(copy, bytes, cut);
            enum status rc = image_decode(&image, copy, cut, pillow, &e);
            n_accepted += rc != STATUS_BAD_DATA;
            free(copy);
        }
        if (!CHECK_EQUAL(n_accepted, 0)) printf("    %s\n", names[i]);
        free(bytes);
    }
    image_release(&image);
}

static void expect_bad(uint8_t *bytes, size_t n, const char *text) {
    struct image image = {0};
    struct error e = {0};
    CHECK_EQUAL(image_decode(&image, bytes, n, pillow, &e), STATUS_BAD_DATA);
    if (!CHECK_TRUE(strstr(e.text, text) != NULL)) printf("    message \"%s\"\n", e.text);
    CHECK_EQUAL(image.width, 0);
    image_release(&image);
}

/* Writes the CRC of n bytes behind them. */
static void put_crc(uint8_t *bytes, size_t n) {
    uint32_t crc = gzip_crc32(bytes, n);
    for (int i = 0; i < 4; i++) bytes[n + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
}

/* Sets the width of the PNG header and repairs its CRC. */
static void set_png_width(uint8_t *png, uint32_t width) {
    for (int i = 0; i < 4; i++) png[16 + i] = (uint8_t)(width >> (24 - 8 * i));
    put_crc(png + 12, 17);
}

/* Offset of the first segment with this marker. */
static size_t find_segment(const uint8_t *jpeg, int marker) {
    size_t at = 2;
    while (jpeg[at + 1] != marker) at += 2 + ((size_t)jpeg[at + 2] << 8 | jpeg[at + 3]);
    return at;
}

/* RGBA of 16 bits with enough compressed bytes to be believed: 8000 x 8000 in half a megabyte took
 * 1.2 GB in each thread. */
static void test_decode_bytes(void) {
    enum { IDAT = 600000 };
    size_t n, at = 33;
    uint8_t *small = read_fixture("deep_alpha.png", "", &n);
    uint8_t *png = calloc(1, 33 + 12 + IDAT + 12);
    struct image_info info;
    struct error e = {0};
    CHECK_EQUAL(image_check(&info, small, n, &e), STATUS_OK);
    CHECK_TRUE(info.decode_bytes > 19u * (uint64_t)(info.width * info.height));
    memcpy(png, small, at);
    memcpy(png + at, "\0\x09\x27\xC0IDAT", 8); /* 600000 */
    put_crc(png + at + 4, 4 + IDAT);
    at += 12 + IDAT;
    memcpy(png + at, small + n - 12, 12);
    at += 12;
    for (int i = 0; i < 2; i++) png[16 + 4 * i + 2] = 8000 >> 8, png[16 + 4 * i + 3] = 8000 & 255;
    put_crc(png + 12, 17);
    expect_bad(png, at,
               "image: too large; 8000 x 8000 pixels take 1648 MiB to decode, expected up to 1024");
    for (int i = 0; i < 2; i++) png[16 + 4 * i + 2] = 5000 >> 8, png[16 + 4 * i + 3] = 5000 & 255;
    put_crc(png + 12, 17);
    CHECK_EQUAL(image_check(&info, png, at, &e), STATUS_OK);
    free(png);
    free(small);
}

static void test_refusals(void) {
    size_t n;
    uint8_t *png = read_fixture("color.png", "", &n);
    png[n - 20] ^= 1;
    expect_bad(png, n, "wrong CRC");
    png[n - 20] ^= 1;
    set_png_width(png, 70000);
    expect_bad(png, n, "too large");
    set_png_width(png, 16000); /* allowed, but the file cannot hold it */
    expect_bad(png, n, "16000 x 22 pixels in");
    set_png_width(png, 0);
    expect_bad(png, n, "size 0 x 22");
    free(png);

    uint8_t *jpeg = read_fixture("color_420.jpg", "", &n);
    size_t frame = find_segment(jpeg, 0xC0);
    jpeg[frame + 5] = jpeg[frame + 7] = 0x7F; /* height and width 32 thousand */
    expect_bad(jpeg, n, "too large");
    jpeg[frame + 5] = jpeg[frame + 7] = 0x1F; /* 8 thousand: within limits, but a lie */
    expect_bad(jpeg, n, "pixels in");
    free(jpeg);

    jpeg = read_fixture("color_420.jpg", "", &n);
    jpeg[find_segment(jpeg, 0xC0) + 1] = 0xC9;
    expect_bad(jpeg, n, "coding FFC9");
    free(jpeg);

    jpeg = read_fixture("color_420.jpg", "", &n);
    size_t scan = find_segment(jpeg, 0xDA);
    memset(jpeg + scan + 200, 0x55, 100); /* entropy-coded bytes: only the decoder can tell */
    expect_bad(jpeg, n, "jpeg: ");
    free(jpeg);

    uint8_t *bmp = read_fixture("rgb_565.bmp", "", &n);
    bmp[54] = 1;
    expect_bad(bmp, n, "masks F801, 7E0, 1F");
    bmp[30] = 1;
    expect_bad(bmp, n, "found coding 1 of 16 bits");
    free(bmp);

    expect_bad((uint8_t *)"", 0, "unknown format in 0 bytes");
    expect_bad((uint8_t *)"GIF89a.........", 15, "image: GIF, which is not read");
    expect_bad((uint8_t *)"II*\0............", 16, "image: TIFF, ");
    expect_bad((uint8_t *)"MM\0*............", 16, "image: TIFF, ");
    expect_bad((uint8_t *)"\0\0\0\x1c" "ftypavif....", 16, "image: AVIF, ");
    expect_bad((uint8_t *)"\0\0\0\x1c" "ftypheic....", 16, "image: HEIC, ");
    expect_bad((uint8_t *)"\0\0\0\x1c" "ftypisom....", 16, "unknown format");
    expect_bad((uint8_t *)"\xff\x0a..............", 16, "image: JPEG XL, ");
    expect_bad((uint8_t *)"<svg xmlns=\"\"/>", 15, "image: SVG, ");
    expect_bad((uint8_t *)"<!DOCTYPE html><html>", 21, "image: an HTML page");
    expect_bad((uint8_t *)"<html>", 6, "image: an HTML page");
}

/* A JPEG at 1/2, 1/4 and 1/8, as Pillow's draft gives it; other formats stay as they are. */
static void test_shrunk(void) {
    struct image image = {0}; /* one for all: memory is reused */
    struct image_info info;
    struct error e;
    size_t n, n_expected;
    for (int i = 0; i < N_LARGE; i++) {
        uint8_t *bytes = read_fixture(large_names[i], "", &n);
        uint8_t *all = read_fixture(large_names[i], ".shrunk.rgb", &n_expected);
        const uint8_t *expected = all;
        CHECK_EQUAL(image_check(&info, bytes, n, &e), STATUS_OK);
        for (int shift = 1; shift <= IMAGE_SHIFT_MAX; shift++) {
            const struct image_part part = {{0, 0, info.width, info.height}, shift};
            const size_t size = (size_t)image_shrunk(203, shift) *
                                (size_t)image_shrunk(149, shift) * 3;
            CHECK_EQUAL(image_decode_part(&image, &info, &part, bytes, n, pillow, &e),
                        STATUS_OK);
            CHECK_TRUE(image.width == 203 && image.height == 149 && image.shift == shift);
            if (!CHECK_TRUE(!memcmp(image.pixels, expected, size)))
                printf("    %s at 1/%d\n", large_names[i], 1 << shift);
            expected += size;
        }
        CHECK_EQUAL(expected - all, n_expected);
        /* What comes next into the same memory is whole again. */
        CHECK_EQUAL(image_decode(&image, bytes, n, pillow, &e), STATUS_OK);
        CHECK_EQUAL(image.shift, 0);
        free(bytes);
        free(all);
    }
    uint8_t *png = read_fixture("color.png", "", &n);
    uint8_t *expected = read_fixture("color.png", ".rgb", &n_expected);
    CHECK_EQUAL(image_check(&info, png, n, &e), STATUS_OK);
    const struct image_part part = {{0, 0, info.width, info.height}, 2};
    CHECK_EQUAL(image_decode_part(&image, &info, &part, png, n, pillow, &e), STATUS_OK);
    CHECK_EQUAL(image.shift, 0);
    CHECK_TRUE(!memcmp(image.pixels, expected + 8, n_expected - 8));
    free(png);
    free(expected);
    image_release(&image);
    CHECK_EQUAL(image_shrunk(1, 3), 1);
    CHECK_EQUAL(image_shrunk(8, 3), 1);
    CHECK_EQUAL(image_shrunk(9, 3), 2);
}

/* Whether a part has the pixels of the whole picture at the same scale. */
static bool box_equals(const struct image *part, const struct image *whole,
                       const struct image_box *box) {
    const int s = whole->shift, left = box->x >> s;
    const int right = image_shrunk(box->x + box->width, s);
    bool same = part->width == whole->width && part->height == whole->height && part->shift == s;
    for (int y = box->y >> s; y < image_shrunk(box->y + box->height, s) && same; y++) {
        const size_t at = ((size_t)y * (size_t)image_shrunk(whole->width, s) + (size_t)left) * 3;
        same = !memcmp(part->pixels + at, whole->pixels + at, (size_t)(right - left) * 3);
    }
    return same;
}

static struct image_box random_box(struct random *random, const struct image_info *info) {
    struct image_box box;
    box.width = 1 + (int)random_below(random, (uint64_t)info->width);
    box.height = 1 + (int)random_below(random, (uint64_t)info->height);
    box.x = (int)random_below(random, (uint64_t)(info->width - box.width + 1));
    box.y = (int)random_below(random, (uint64_t)(info->height - box.height + 1));
    return box;
}

/* Whether part of a picture, decoded over rubbish, has the pixels of the whole; says which not. */
static bool part_is_same(struct image *part, const struct image_info *info,
                         const struct image_part *read, const struct image *whole,
                         const uint8_t *bytes, size_t n, const char *name) {
    struct error e;
    const struct image_box *box = &read->box;
    CHECK_EQUAL(image_reserve(part, info->width, info->height, &e), STATUS_OK);
    memset(part->pixels, 0xA5, part->capacity);
    if (image_decode_part(part, info, read, bytes, n, pillow, &e) == STATUS_OK &&
        box_equals(part, whole, box))
        return true;
    printf("    %s: %d,%d %dx%d of %dx%d at 1/%d\n", name, box->x, box->y, box->width, box->height,
           info->width, info->height, 1 << read->shift);
    return false;
}

/* Part of a picture has the pixels of the whole, and the same damage is seen, at every scale. */
static void test_boxes(void) {
    struct image whole[IMAGE_SHIFT_MAX + 1] = {0}, part = {0};
    int n_boxes = 0, n_same = 0, n_verdicts = 0;
    for (int i = 0; i < N_NAMES + N_LARGE; i++) {
        size_t n;
        struct error e;
        struct image_info info;
        const char *name = i < N_NAMES ? names[i] : large_names[i - N_NAMES];
        uint8_t *bytes = read_fixture(name, "", &n);
        CHECK_EQUAL(image_check(&info, bytes, n, &e), STATUS_OK);
        const int n_shifts = info.format == IMAGE_JPEG ? IMAGE_SHIFT_MAX + 1 : 1;
        for (int shift = 0; shift < n_shifts; shift++) {
            const struct image_part all = {{0, 0, info.width, info.height}, shift};
            CHECK_EQUAL(image_decode_part(&whole[shift], &info, &all, bytes, n, pillow,
                                          &e),
                        STATUS_OK);
        }
        struct random random = random_begin(1, RANDOM_TEST, (uint64_t)i, 0);
        for (int round = 0; round < 60 * n_shifts; round++) {
            struct image_part read = {.shift = round % n_shifts};
            read.box = random_box(&random, &info);
            n_boxes++;
            n_same += part_is_same(&part, &info, &read, &whole[read.shift], bytes, n, name);
            /* Damage anywhere is damage, in the box or not. */
            const size_t at = random_below(&random, n);
            const uint8_t kept = bytes[at];
            bytes[at] ^= (uint8_t)(1 << random_below(&random, 8));
            if (image_check(&info, bytes, n, &e) == STATUS_OK && info.width == whole[0].width &&
                info.height == whole[0].height) {
                const enum status all = image_decode(&part, bytes, n, pillow, &e);
                const enum status some =
                    image_decode_part(&part, &info, &read, bytes, n, pillow, &e);
                n_verdicts++;
                if (!CHECK_EQUAL(some, all))
                    printf("    %s at 1/%d: byte %zu\n", name, 1 << read.shift, at);
            }
            bytes[at] = kept;
            CHECK_EQUAL(image_check(&info, bytes, n, &e), STATUS_OK);
        }
        free(bytes);
    }
    CHECK_EQUAL(n_same, n_boxes);
    CHECK_TRUE(n_verdicts > n_boxes / 5);
    for (int shift = 0; shift <= IMAGE_SHIFT_MAX; shift++) image_release(&whole[shift]);
    image_release(&part);
}

/* Horizontal and vertical sampling factors of a JPEG's three components. */
struct sampling {
    const char *name;
    int factors[3][2];
};

static const struct sampling samplings[] = {
    {"sampled 2x1", {{2, 1}, {1, 1}, {1, 1}}},
    {"sampled 1x2", {{1, 2}, {1, 1}, {1, 1}}},
    {"sampled 2x2", {{2, 2}, {1, 1}, {1, 1}}},
    {"sampled 3x1", {{3, 1}, {1, 1}, {1, 1}}},
    {"sampled 3x2", {{3, 2}, {1, 1}, {1, 1}}},
    {"sampled 4x1", {{4, 1}, {1, 1}, {1, 1}}},
    {"sampled 1x4", {{1, 4}, {1, 1}, {1, 1}}},
    {"sampled 4x2", {{4, 2}, {1, 1}, {1, 1}}},
    {"sampled 2x4", {{2, 4}, {1, 1}, {1, 1}}},
    {"sampled 2x2, 2x1, 1x2", {{2, 2}, {2, 1}, {1, 2}}},
    {"sampled 4x1, 1x4, 1x1", {{4, 1}, {1, 4}, {1, 1}}}, /* the third by 4 both ways */
};
enum { N_SAMPLINGS = sizeof samplings / sizeof *samplings };

/* A baseline JPEG of coloured slopes and some noise; free() it. */
static uint8_t *make_jpeg(const struct sampling *sampling, int width, int height, size_t *n) {
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr manager; /* the library's own: it ends the program */
    struct random random = random_begin(1, RANDOM_TEST, 0, 0);
    unsigned char *bytes = NULL;
    unsigned long size = 0;
    uint8_t *row = malloc((size_t)width * 3);
    info.err = jpeg_std_error(&manager);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &bytes, &size);
    info.image_width = (JDIMENSION)width;
    info.image_height = (JDIMENSION)height;
    info.input_components = 3;
    info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, 90, TRUE);
    for (int c = 0; c < 3; c++) {
        info.comp_info[c].h_samp_factor = sampling->factors[c][0];
        info.comp_info[c].v_samp_factor = sampling->factors[c][1];
    }
    jpeg_start_compress(&info, TRUE);
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < 3 * width; x++) {
            const int slope = x * (1 + x % 3) / 4 + y * (3 - x % 3);
            row[x] = (uint8_t)(slope + (int)random_below(&random, 32));
        }
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    free(row);
    *n = size;
    return bytes;
}

/* Colours sampled in whatever way: part of a picture has the pixels of the whole at every scale. */
static void test_samplings(void) {
    struct image whole = {0}, part = {0};
    int n_boxes = 0, n_same = 0;
    for (int i = 0; i < N_SAMPLINGS; i++) {
        size_t n;
        struct error e;
        struct image_info info;
        uint8_t *bytes = make_jpeg(&samplings[i], 203, 149, &n);
        struct random random = random_begin(2, RANDOM_TEST, (uint64_t)i, 0);
        CHECK_EQUAL(image_check(&info, bytes, n, &e), STATUS_OK);
        for (int shift = 0; shift <= IMAGE_SHIFT_MAX; shift++) {
            struct image_part read = {{0, 0, info.width, info.height}, shift};
            CHECK_EQUAL(image_decode_part(&whole, &info, &read, bytes, n, pillow, &e),
                        STATUS_OK);
            for (int round = 0; round < 60; round++) {
                read.box = random_box(&random, &info);
                n_boxes++;
                n_same += part_is_same(&part, &info, &read, &whole, bytes, n, samplings[i].name);
            }
        }
        free(bytes);
    }
    CHECK_EQUAL(n_same, n_boxes);
    image_release(&whole);
    image_release(&part);
}

int main(void) {
    test_pixels(pillow);
    test_pixels((struct image_rule){.rgb = IMAGE_RGB_SHOWN});
    test_background();
    test_cuts();
    test_refusals();
    test_decode_bytes();
    test_shrunk();
    test_boxes();
    test_samplings();
    return check_report();
}
