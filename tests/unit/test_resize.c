/* Resizing, byte for byte what Pillow gives (tests/golden/make_images.py wrote resize.rgb). */
#include "data/images/resize.h"
#include "data/images/resize_kernels.h"
#include "pipeline/base/file.h"
#include "pipeline/base/random.h"
#include "tests/check.h"
#include "tests/fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t *expected;
static size_t n_left;
static struct resize_memory memory;

static struct image make_picture(int width, int height) {
    struct image image = {0};
    struct error e;
    CHECK_EQUAL(image_reserve(&image, width, height, &e), STATUS_OK);
    fixture_picture(image.pixels, width, height);
    return image;
}

/* Compares the next width x height pixels of the golden file. */
static void compare(const uint8_t *out, int width, int height, const char *what) {
    size_t n = (size_t)width * (size_t)height * 3;
    if (!CHECK_TRUE(n <= n_left)) return;
    if (!CHECK_TRUE(!memcmp(out, expected, n))) printf("    %s\n", what);
    expected += n;
    n_left -= n;
}

static void test_sizes(void) {
    static const int pairs[][4] = {
        {31, 17, 64, 40}, {64, 48, 31, 17}, {61, 37, 24, 24},   {100, 9, 10, 30}, {3, 2, 7, 5},
        {24, 24, 24, 11}, {24, 24, 11, 24}, {200, 150, 16, 16}, {1, 1, 4, 3},     {33, 71, 5, 64}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const int *p = pairs[i];
        uint8_t out[64 * 64 * 3], part[64 * 64 * 3];
        char what[64];
        struct error e;
        struct image image = make_picture(p[0], p[1]);
        struct resize_params params = {.width = p[2], .height = p[3]};
        snprintf(what, sizeof what, "%dx%d to %dx%d", p[0], p[1], p[2], p[3]);
        CHECK_EQUAL(resize_bicubic(out, &image, &params, &memory, &e), STATUS_OK);
        compare(out, p[2], p[3], what);
        /* A window is the same pixels, cut out. */
        params.window = (struct image_box){p[2] / 3, p[3] / 4, p[2] / 2, p[3] / 2};
        struct image_box *w = &params.window;
        bool same = true;
        CHECK_EQUAL(resize_bicubic(part, &image, &params, &memory, &e), STATUS_OK);
        for (int y = 0; y < w->height; y++)
            same = same && !memcmp(part + y * w->width * 3, out + ((w->y + y) * p[2] + w->x) * 3,
                                   (size_t)w->width * 3);
        if (!CHECK_TRUE(same)) printf("    window of %s\n", what);
        image_release(&image);
    }
}

static void test_box(void) {
    uint8_t out[20 * 20 * 3];
    struct error e;
    struct image image = make_picture(90, 70);
    struct resize_params params = {.box = {13, 7, 41, 29}, .width = 20, .height = 20};
    CHECK_EQUAL(resize_bicubic(out, &image, &params, &memory, &e), STATUS_OK);
    compare(out, 20, 20, "box");
    params.box.width = 90;
    CHECK_EQUAL(resize_bicubic(out, &image, &params, &memory, &e), STATUS_BAD_ARG);
    params.box = (struct image_box){0};
    params.window = (struct image_box){0, 1, 20, 20};
    CHECK_EQUAL(resize_bicubic(out, &image, &params, &memory, &e), STATUS_BAD_ARG);
    image_release(&image);
}

static void test_center_crop(void) {
    static const int sizes[][3] = {{61, 40, 24}, {40, 63, 24}, {24, 24, 24}, {51, 50, 25}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int *s = sizes[i];
        uint8_t out[25 * 25 * 3];
        char what[64];
        struct error e;
        struct image image = make_picture(s[0], s[1]);
        snprintf(what, sizeof what, "centre crop of %dx%d to %d", s[0], s[1], s[2]);
        CHECK_EQUAL(resize_center_crop(out, s[2], &image, &memory, &e), STATUS_OK);
        compare(out, s[2], s[2], what);
        image_release(&image);
    }
    /* A strip one pixel high: the long side is 24 * 16000 pixels, of which 24 are computed. */
    uint8_t out[24 * 24 * 3];
    struct error e;
    struct image strip = make_picture(16000, 1);
    CHECK_EQUAL(resize_center_crop(out, 24, &strip, &memory, &e), STATUS_OK);
    image_release(&strip);
}

/* The kernels of this processor against the plain ones: random taps, all widths from 1 on. */
static void test_kernels(void) {
    enum { WIDTH_MAX = 80, TAPS_MAX = 24, ROWS_MAX = TAPS_MAX + 2, STRIDE = 320 };
    const struct resize_kernels *fast = resize_kernels_fast();
    static uint8_t in[ROWS_MAX * STRIDE], one[RESIZE_ROWS * STRIDE], two[RESIZE_ROWS * STRIDE];
    static int32_t first[WIDTH_MAX], count[WIDTH_MAX], weight[WIDTH_MAX * TAPS_MAX];
    static int16_t high[WIDTH_MAX * TAPS_MAX], low[WIDTH_MAX * TAPS_MAX];
    struct random random = random_begin(1, RANDOM_TEST, 0, 0);
    int n_different = 0;
    if (fast == &resize_kernels_plain) printf("this processor has the plain kernels only\n");
    for (size_t i = 0; i < sizeof in; i++) in[i] = (uint8_t)(random_u32(&random) % 7 * 51);
    for (int width = 1; width <= WIDTH_MAX; width++) {
        struct resize_taps taps = {.n = width, .room = TAPS_MAX, .first = first, .count = count,
                                   .weight = weight, .high = high, .low = low};
        for (int i = 0; i < width; i++) {
            count[i] = 1 + (int32_t)random_below(&random, TAPS_MAX);
            first[i] = (int32_t)random_below(&random, (uint64_t)(WIDTH_MAX + 1 - count[i]));
            int32_t left = 1 << RESIZE_WEIGHT_BITS; /* weights may be below 0; their sum is 1 */
            for (int k = 0; k < TAPS_MAX; k++) {
                const int32_t w = (int32_t)random_below(&random, 600000) - 250000;
                const int at = i * TAPS_MAX + k;
                weight[at] = k >= count[i] ? 0 : k == count[i] - 1 ? left : w;
                left -= weight[at];
                high[at] = (int16_t)(weight[at] >> RESIZE_LOW_BITS);
                low[at] = (int16_t)(weight[at] & ((1 << RESIZE_LOW_BITS) - 1));
            }
        }
        resize_kernels_plain.rows(one, STRIDE, in, STRIDE, &taps);
        fast->rows(two, STRIDE, in, STRIDE, &taps);
        for (int r = 0; r < RESIZE_ROWS; r++)
            n_different += memcmp(one + r * STRIDE, two + r * STRIDE, (size_t)width * 3) != 0;
        /* Down the columns, from row 0. */
        first[0] = 0;
        memset(two, 0x5A, sizeof two);
        resize_kernels_plain.column(one, in, STRIDE, (size_t)width * 3, &taps, 0);
        fast->column(two, in, STRIDE, (size_t)width * 3, &taps, 0);
        n_different += memcmp(one, two, (size_t)width * 3) != 0;
        CHECK_EQUAL(two[width * 3], 0x5A); /* nothing behind the row */
    }
    CHECK_EQUAL(n_different, 0);
}

/* A crop of a picture whose pixels outside the box are junk. */
static void test_center_box(void) {
    static const int sizes[][3] = {{61, 40, 24},  {40, 63, 24},  {24, 24, 24},
                                   {300, 50, 25}, {50, 301, 25}, {7, 90, 25}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int *s = sizes[i];
        uint8_t expect[25 * 25 * 3], out[25 * 25 * 3];
        struct error e;
        struct image image = make_picture(s[0], s[1]);
        CHECK_EQUAL(resize_center_crop(expect, s[2], &image, &memory, &e), STATUS_OK);
        const struct image_box box = resize_center_box(s[2], s[0], s[1]);
        for (int y = 0; y < s[1]; y++)
            for (int x = 0; x < s[0]; x++)
                if (y < box.y || y >= box.y + box.height || x < box.x || x >= box.x + box.width)
                    memset(image.pixels + 3 * (y * s[0] + x), 0xA5, 3);
        CHECK_EQUAL(resize_center_crop(out, s[2], &image, &memory, &e), STATUS_OK);
        CHECK_TRUE(!memcmp(out, expect, (size_t)(s[2] * s[2] * 3)));
        image_release(&image);
    }
    const struct image_box wide = resize_center_box(224, 720, 360);
    CHECK_TRUE(wide.height == 360 && wide.width > 359 && wide.width < 380);
}

/* A ramp whose pixels stand for several places each, resized from a box whose edges lie inside
 * pixels: the ramp itself, at its places. At the edges the filter is cut, so the inside counts. */
static void test_shrunk(void) {
    static const struct image_box boxes[] = {{0, 0, 300, 203}, {7, 3, 253, 171}, {45, 31, 101, 97}};
    enum { OUT = 12, INSIDE = 3 };
    for (int shift = 1; shift <= IMAGE_SHIFT_MAX; shift++) {
        struct image image = make_picture(300, 203);
        struct error e;
        const double side = 1 << shift;
        const int columns = image_shrunk(image.width, shift);
        image.shift = shift;
        for (int y = 0; y < image_shrunk(image.height, shift); y++)
            for (int x = 0; x < columns; x++) {
                uint8_t *p = image.pixels + 3 * (y * columns + x);
                p[0] = (uint8_t)((x + 0.5) * side * 0.8);
                p[1] = (uint8_t)((y + 0.5) * side * 1.2);
                p[2] = 77;
            }
        for (size_t i = 0; i < sizeof boxes / sizeof *boxes; i++) {
            const struct image_box *b = &boxes[i];
            const struct resize_params params = {.box = *b, .width = OUT, .height = OUT};
            uint8_t out[OUT * OUT * 3];
            double most = 0;
            CHECK_EQUAL(resize_bicubic(out, &image, &params, &memory, &e), STATUS_OK);
            for (int y = INSIDE; y < OUT - INSIDE; y++)
                for (int x = INSIDE; x < OUT - INSIDE; x++) {
                    const uint8_t *p = out + 3 * (y * OUT + x);
                    const double at_x = (b->x + (x + 0.5) * b->width / OUT) * 0.8;
                    const double at_y = (b->y + (y + 0.5) * b->height / OUT) * 1.2;
                    most = fmax(most, fmax(fabs(p[0] - at_x), fabs(p[1] - at_y)));
                    most = fmax(most, abs(p[2] - 77));
                }
            if (!CHECK_TRUE(most <= 1.5)) /* the ramp's bytes are cut off, and rounded twice since */
                printf("    box %zu at 1/%d: %g\n", i, 1 << shift, most);
        }
        image_release(&image);
    }
}

static void test_shift(void) {
    const struct image_box box = {3, 5, 640, 480}, tall = {.width = 256, .height = 4000};
    CHECK_EQUAL(resize_shift(0, 16, &box), 0); /* off */
    CHECK_EQUAL(resize_shift(1, 224, &box), 1);
    CHECK_EQUAL(resize_shift(2, 224, &box), 0);
    CHECK_EQUAL(resize_shift(2, 120, &box), 1);
    CHECK_EQUAL(resize_shift(2, 121, &box), 0);
    CHECK_EQUAL(resize_shift(2.2, 100, &box), 1);
    CHECK_EQUAL(resize_shift(1, 120, &box), 2);
    CHECK_EQUAL(resize_shift(1, 60, &box), 3);
    CHECK_EQUAL(resize_shift(1, 8, &box), IMAGE_SHIFT_MAX);
    CHECK_EQUAL(resize_shift(1, 128, &tall), 1);
    CHECK_EQUAL(resize_shift(1, 500, &box), 0);
}

int main(void) {
    char *bytes = NULL;
    struct error e;
    if (!CHECK_EQUAL(file_read_all(&bytes, &n_left,
                                   SAPWOOD_SOURCE_DIR "/tests/fixtures/images/resize.rgb", 1 << 20,
                                   &e),
                     STATUS_OK))
        return check_report();
    expected = (const uint8_t *)bytes;
    test_sizes();
    test_box();
    test_center_crop();
    test_kernels();
    test_center_box();
    test_shrunk();
    test_shift();
    CHECK_EQUAL(n_left, 0);
    free(bytes);
    resize_release(&memory);
    return check_report();
}
