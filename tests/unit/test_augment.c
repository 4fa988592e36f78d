/* Augmentation. The colour steps are Pillow's bytes, the blur is computed in double
 * (tests/golden/make_images.py wrote augment.rgb); the rest are properties. */
#include "data/images/augment.h"
#include "pipeline/base/file.h"
#include "tests/check.h"
#include "tests/fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 24, PIXELS = SIZE * SIZE, BYTES = PIXELS * 3 };

static struct augment_memory memory;

static void compare(const uint8_t **expected, const uint8_t *found, int tolerance, const char *what,
                    double value) {
    int worst = 0;
    for (int i = 0; i < BYTES; i++) {
        int d = abs(found[i] - (*expected)[i]);
        worst = d > worst ? d : worst;
    }
    if (!CHECK_TRUE(worst <= tolerance)) printf("    %s %g: off by %d\n", what, value, worst);
    *expected += BYTES;
}

static void test_golden(void) {
    static const float factors[] = {0.0f, 0.25f, 0.7f, 1.0f, 1.3f, 1.75f};
    static const float turns[] = {-0.5f, -0.1f, 0.05f, 0.25f, 0.5f};
    static const float sigmas[] = {0.1f, 0.8f, 2.0f};
    void (*const steps[])(uint8_t *, int64_t, float) = {augment_brightness, augment_contrast,
                                                        augment_saturation};
    uint8_t pixels[BYTES];
    char *bytes = NULL;
    size_t n;
    struct error e;
    if (!CHECK_EQUAL(file_read_all(&bytes, &n,
                                   SAPWOOD_SOURCE_DIR "/tests/fixtures/images/augment.rgb", 1 << 20,
                                   &e),
                     STATUS_OK) ||
        !CHECK_EQUAL(n, (3 * 6 + 5 + 1 + 3) * BYTES))
        return;
    const uint8_t *expected = (const uint8_t *)bytes;
    for (int s = 0; s < 3; s++)
        for (int f = 0; f < 6; f++) {
            fixture_picture(pixels, SIZE, SIZE);
            steps[s](pixels, PIXELS, factors[f]);
            compare(&expected, pixels, 0, "brightness, contrast, saturation", factors[f]);
        }
    for (int t = 0; t < 5; t++) {
        fixture_picture(pixels, SIZE, SIZE);
        augment_hue(pixels, PIXELS, turns[t]);
        compare(&expected, pixels, 0, "hue", turns[t]);
    }
    fixture_picture(pixels, SIZE, SIZE);
    augment_grey(pixels, PIXELS);
    compare(&expected, pixels, 0, "grey", 1);
    for (int s = 0; s < 3; s++) {
        fixture_picture(pixels, SIZE, SIZE);
        CHECK_EQUAL(augment_blur(pixels, SIZE, sigmas[s], &memory, &e), STATUS_OK);
        /* Float instead of double moves values across a rounding boundary. */
        compare(&expected, pixels, 1, "blur", sigmas[s]);
    }
    free(bytes);
}

/* With factor 0 contrast leaves the mean of the grey values, halves rounded up, as Pillow's
 * ImageEnhance.Contrast has it: int(mean + 0.5). By hand for pixels that are grey already. */
static void test_contrast_mean(void) {
    static const struct {
        int n, grey[4], mean;
    } cases[] = {
        {1, {255}, 255},       {2, {10, 11}, 11},
        {2, {11, 12}, 12},     {3, {10, 10, 11}, 10},
        {3, {10, 11, 11}, 11}, {4, {0, 0, 0, 1}, 0},
        {4, {0, 0, 1, 1}, 1},  {4, {254, 255, 255, 255}, 255},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        uint8_t pixels[12];
        for (int i = 0; i < 3 * cases[c].n; i++) pixels[i] = (uint8_t)cases[c].grey[i / 3];
        augment_contrast(pixels, cases[c].n, 0);
        for (int i = 0; i < 3 * cases[c].n; i++) CHECK_EQUAL(pixels[i], cases[c].mean);
    }
}

static struct image make_picture(int width, int height) {
    struct image image = {0};
    struct error e;
    CHECK_EQUAL(image_reserve(&image, width, height, &e), STATUS_OK);
    fixture_picture(image.pixels, width, height);
    return image;
}

/* 20000 boxes: inside the picture, area and ratio within range up to rounding, mean area right. */
static void test_crop_box(void) {
    const struct augment_params params = {.crop_area_min = 0.2f, .crop_area_max = 0.8f};
    const int width = 320, height = 240, n = 20000;
    struct random random = random_begin(7, RANDOM_TEST, 1, 0);
    double sum = 0, sum_x = 0;
    int n_bad = 0;
    for (int i = 0; i < n; i++) {
        struct image_box b = augment_crop_box(width, height, &params, &random);
        double area = (double)b.width * b.height / (width * height);
        double ratio = (double)b.width / b.height;
        n_bad += b.x < 0 || b.y < 0 || b.x + b.width > width || b.y + b.height > height;
        n_bad += !(area > 0.19 && area < 0.81 && ratio > 0.74 && ratio < 1.35);
        sum += area;
        sum_x += b.width == width ? 0.5 : (double)b.x / (width - b.width);
    }
    CHECK_EQUAL(n_bad, 0);
    /* Uniform area: mean 0.5, deviation 0.17; boxes that do not fit are drawn again, which takes
     * the largest ones and moves the mean below. 4 sigma of the mean is 0.005. */
    CHECK_TRUE(sum / n > 0.46 && sum / n < 0.505);
    CHECK_CLOSE(sum_x / n, 0.5, 0.01);
    /* No box of these ratios has 0.9 of a picture ten times as wide as high: the fallback is the
     * largest centred box of ratio 4/3. */
    const struct augment_params large = {.crop_area_min = 0.9f, .crop_area_max = 1};
    struct image_box b = augment_crop_box(1000, 100, &large, &random);
    CHECK_EQUAL(b.width, 133);
    CHECK_EQUAL(b.height, 100);
    CHECK_EQUAL(b.x, 433);
    CHECK_EQUAL(b.y, 0);
}

static const struct augment_params all_on = {
    .crop_area_min = 0.3f,
    .crop_area_max = 1,
    .flip = 0.5f,
    .jitter = 0.8f,
    .brightness = 0.4f,
    .contrast = 0.4f,
    .saturation = 0.4f,
    .hue = 0.1f,
    .grey = 0.2f,
    .blur = 0.5f,
};

static void view(uint8_t *out, const struct image *image, const struct augment_params *params,
                 uint64_t sample, uint64_t number) {
    struct random random = random_begin(3, RANDOM_AUGMENT, sample, number);
    struct error e;
    CHECK_EQUAL(augment_check(params, &e), STATUS_OK);
    CHECK_EQUAL(augment_view(out, SIZE, image, params, &random, &memory, &e), STATUS_OK);
}

static void test_view(void) {
    uint8_t a[BYTES], b[BYTES], plain[BYTES];
    struct error e;
    struct image image = make_picture(61, 40);
    /* All zero: the evaluation transform. */
    const struct augment_params off = {0};
    CHECK_EQUAL(resize_center_crop(plain, SIZE, &image, &memory.resize, &e), STATUS_OK);
    view(a, &image, &off, 1, 0);
    CHECK_TRUE(!memcmp(a, plain, BYTES));
    /* The same stream gives the same view, another view number or sample another one. */
    view(a, &image, &all_on, 1, 0);
    view(b, &image, &all_on, 1, 0);
    CHECK_TRUE(!memcmp(a, b, BYTES));
    view(b, &image, &all_on, 1, 1);
    CHECK_TRUE(memcmp(a, b, BYTES) != 0);
    view(b, &image, &all_on, 2, 0);
    CHECK_TRUE(memcmp(a, b, BYTES) != 0);
    /* Turning on a later step leaves the earlier ones alone: grey of the view without grey. */
    struct augment_params params = all_on;
    params.grey = params.blur = 0;
    view(a, &image, &params, 5, 0);
    augment_grey(a, PIXELS);
    params.grey = 1;
    view(b, &image, &params, 5, 0);
    CHECK_TRUE(!memcmp(a, b, BYTES));
    image_release(&image);
}

/* A view once more as torchvision describes it, step by step from the same numbers: the first of
 * ten tries whose box fits, the flip, four colour steps in a drawn order, grey, blur. The steps
 * themselves are compared with Pillow above. */
static void naive_view(uint8_t *out, const struct image *image, const struct augment_params *p,
                       struct random *r, bool *is_choice) {
    struct resize_params resize = {.width = SIZE, .height = SIZE};
    struct error e;
    int n_fitting = 0;
    for (int i = 0; i < 10; i++) {
        const double area = image->width * image->height *
                            (double)random_range(r, p->crop_area_min, p->crop_area_max);
        const double ratio =
            exp(log(3.0 / 4) + (log(4.0 / 3) - log(3.0 / 4)) * (double)random_float(r));
        const int width = (int)rint(sqrt(area * ratio)), height = (int)rint(sqrt(area / ratio));
        if (width > image->width || height > image->height) continue;
        if (n_fitting++ == 0) resize.box = (struct image_box){.width = width, .height = height};
    }
    *is_choice = n_fitting > 1; /* a choice was made */
    const double x = (double)random_float(r), y = (double)random_float(r);
    CHECK_TRUE(n_fitting > 0);
    resize.box.x = (int)(x * (image->width - resize.box.width + 1));
    resize.box.y = (int)(y * (image->height - resize.box.height + 1));
    CHECK_EQUAL(resize_bicubic(out, image, &resize, &memory.resize, &e), STATUS_OK);
    if (random_float(r) < p->flip) augment_flip(out, SIZE);
    const bool jitters = random_float(r) < p->jitter;
    const float brightness = random_range(r, 1 - p->brightness, 1 + p->brightness);
    const float contrast = random_range(r, 1 - p->contrast, 1 + p->contrast);
    const float saturation = random_range(r, 1 - p->saturation, 1 + p->saturation);
    const float hue = random_range(r, -p->hue, p->hue);
    char order[] = "bcsh"; /* shuffled from its end */
    for (int i = 3; i > 0; i--) {
        const int other = (int)(random_float(r) * (float)(i + 1));
        const char kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
    for (const char *step = order; *step && jitters; step++) {
        if (*step == 'b') augment_brightness(out, PIXELS, brightness);
        if (*step == 'c') augment_contrast(out, PIXELS, contrast);
        if (*step == 's') augment_saturation(out, PIXELS, saturation);
        if (*step == 'h') augment_hue(out, PIXELS, hue);
    }
    if (random_float(r) < p->grey) augment_grey(out, PIXELS);
    const float sigma = random_range(r, 0.1f, 2);
    if (random_float(r) < p->blur)
        CHECK_EQUAL(augment_blur(out, SIZE, sigma, &memory, &e), STATUS_OK);
}

static void test_view_bits(void) {
    uint8_t found[BYTES], expected[BYTES];
    int n_choices = 0, n_same = 0;
    const int n = 200;
    struct image image = make_picture(61, 40);
    for (int i = 0; i < n; i++) {
        struct random random = random_begin(3, RANDOM_AUGMENT, (uint64_t)i, 5);
        bool is_choice;
        naive_view(expected, &image, &all_on, &random, &is_choice);
        view(found, &image, &all_on, (uint64_t)i, 5);
        n_same += !memcmp(found, expected, BYTES);
        n_choices += is_choice;
    }
    CHECK_EQUAL(n_same, n);
    CHECK_TRUE(n_choices > n / 2);
    image_release(&image);
}

/* Share of 2000 views that are mirrored, and that are grey. */
static void test_probabilities(void) {
    const struct augment_params params = {.flip = 0.3f, .grey = 0.2f};
    uint8_t out[BYTES], plain[BYTES], mirrored[BYTES];
    const int n = 2000;
    int n_flipped = 0, n_grey = 0, n_other = 0;
    struct image image = make_picture(SIZE, SIZE);
    memcpy(plain, image.pixels, BYTES);
    for (int y = 0; y < SIZE; y++)
        for (int x = 0; x < SIZE; x++)
            memcpy(mirrored + (y * SIZE + SIZE - 1 - x) * 3, plain + (y * SIZE + x) * 3, 3);
    for (int i = 0; i < n; i++) {
        uint8_t grey_plain[BYTES], grey_mirrored[BYTES];
        view(out, &image, &params, (uint64_t)i, 0);
        memcpy(grey_plain, plain, BYTES);
        memcpy(grey_mirrored, mirrored, BYTES);
        augment_grey(grey_plain, PIXELS);
        augment_grey(grey_mirrored, PIXELS);
        bool flipped = !memcmp(out, mirrored, BYTES), grey = !memcmp(out, grey_plain, BYTES);
        bool both = !memcmp(out, grey_mirrored, BYTES);
        n_flipped += flipped || both;
        n_grey += grey || both;
        n_other += !flipped && !grey && !both && memcmp(out, plain, BYTES) != 0;
    }
    CHECK_EQUAL(n_other, 0);
    CHECK_CLOSE((double)n_flipped / n, 0.3, 0.041); /* 4 sigma of a share of 2000 */
    CHECK_CLOSE((double)n_grey / n, 0.2, 0.036);
    image_release(&image);
}

static void test_patches(void) {
    enum { PATCH = 8, SIDE = SIZE / PATCH };
    uint8_t pixels[BYTES], plain[BYTES];
    int times[SIDE * SIDE] = {0};
    fixture_picture(plain, SIZE, SIZE);
    for (int run = 0; run < 600; run++) {
        int n_changed = 0;
        struct random random = random_begin(1, RANDOM_TEST, (uint64_t)run, 0);
        memcpy(pixels, plain, BYTES);
        augment_blur_patches(pixels, SIZE, PATCH, 0.33f, &random);
        for (int p = 0; p < SIDE * SIDE; p++) {
            bool changed = false;
            for (int y = 0; y < PATCH; y++) {
                int at = ((p / SIDE * PATCH + y) * SIZE + p % SIDE * PATCH) * 3;
                changed = changed || memcmp(pixels + at, plain + at, PATCH * 3);
            }
            n_changed += changed;
            times[p] += changed;
        }
        if (n_changed != 3) CHECK_EQUAL(n_changed, 3); /* round(0.33 * 9) */
    }
    for (int p = 0; p < SIDE * SIDE; p++)
        CHECK_TRUE(times[p] > 150 && times[p] < 250); /* 200 expected, deviation 11.5 */
    /* The inside of a blurred patch against the definition. */
    struct random random = random_begin(1, RANDOM_TEST, 0, 0);
    memcpy(pixels, plain, BYTES);
    augment_blur_patches(pixels, SIZE, PATCH, 1, &random);
    int n_wrong = 0;
    for (int y = 0; y < SIZE; y++)
        for (int x = 0; x < SIZE; x++) {
            int sum = 0, top = y / PATCH * PATCH, left = x / PATCH * PATCH;
            for (int k = 0; k < 25; k++) {
                int yy = y + k / 5 - 2, xx = x + k % 5 - 2;
                yy = yy < top ? top : yy > top + PATCH - 1 ? top + PATCH - 1 : yy;
                xx = xx < left ? left : xx > left + PATCH - 1 ? left + PATCH - 1 : xx;
                sum += plain[(yy * SIZE + xx) * 3];
            }
            n_wrong += pixels[(y * SIZE + x) * 3] != (int)floor(sum / 25.0 + 0.5);
        }
    CHECK_EQUAL(n_wrong, 0);
    memcpy(pixels, plain, BYTES);
    augment_blur_patches(pixels, SIZE, PATCH, 0, &random);
    CHECK_TRUE(!memcmp(pixels, plain, BYTES));
}

static void test_check(void) {
    struct error e = {0};
    struct augment_params params = all_on;
    CHECK_EQUAL(augment_check(&params, &e), STATUS_OK);
    params.flip = 1.5f;
    CHECK_EQUAL(augment_check(&params, &e), STATUS_BAD_ARG);
    CHECK_TEXT(e.text, "flip: expected 0 to 1, found 1.5");
    params = all_on;
    params.hue = NAN;
    CHECK_EQUAL(augment_check(&params, &e), STATUS_BAD_ARG);
    params = all_on;
    params.crop_area_min = 0;
    CHECK_EQUAL(augment_check(&params, &e), STATUS_BAD_ARG);
}

int main(void) {
    test_golden();
    test_contrast_mean();
    test_crop_box();
    test_view();
    test_view_bits();
    test_probabilities();
    test_patches();
    test_check();
    augment_release(&memory);
    return check_report();
}
