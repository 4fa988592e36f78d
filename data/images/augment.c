#include "data/images/augment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CROP_TRIES = 10, PATCH_MAX = 64 };

struct range_check {
    const char *name;
    float value, min, max;
};

enum status augment_check(const struct augment_params *p, struct error *e) {
    const struct range_check checks[] = {
        {"crop_area_min", p->crop_area_min, 0, 1},
        {"crop_area_max", p->crop_area_max, p->crop_area_min, 1},
        {"crop_ratio_min", p->crop_ratio_min, 0, 100},
        {"crop_ratio_max", p->crop_ratio_max, p->crop_ratio_min, 100},
        {"flip", p->flip, 0, 1},
        {"jitter", p->jitter, 0, 1},
        {"brightness", p->brightness, 0, 10},
        {"contrast", p->contrast, 0, 10},
        {"saturation", p->saturation, 0, 10},
        {"hue", p->hue, 0, 0.5f},
        {"grey", p->grey, 0, 1},
        {"blur", p->blur, 0, 1},
        {"blur_sigma_min", p->blur_sigma_min, 0, 50},
        {"blur_sigma_max", p->blur_sigma_max, p->blur_sigma_min, 50},
    };
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        const struct range_check *c = &checks[i];
        if (!(c->value >= c->min && c->value <= c->max))
            return fail(e, STATUS_BAD_ARG, "%s: expected %g to %g, found %g", c->name,
                        (double)c->min, (double)c->max, (double)c->value);
    }
    if (p->crop_area_max > 0 && p->crop_area_min == 0)
        return fail(e, STATUS_BAD_ARG, "crop_area_min: expected more than 0, found 0");
    return STATUS_OK;
}

static uint8_t clamp_byte(float x) {
    return (uint8_t)(x <= 0.0f ? 0.0f : x >= 255.0f ? 255.0f : x);
}

/* Pillow's blend: from `base` (factor 0) to the pixel (factor 1), truncated. */
static uint8_t blend(int base, int pixel, float factor) {
    return clamp_byte((float)base + factor * (float)(pixel - base));
}

/* ITU-R 601 luma with Pillow's integer weights. */
static int luma(const uint8_t *p) {
    return (p[0] * 19595 + p[1] * 38470 + p[2] * 7471 + 0x8000) >> 16;
}

void augment_flip(uint8_t *pixels, int size) {
    for (int y = 0; y < size; y++) {
        uint8_t *left = pixels + (size_t)y * (size_t)size * 3,
                *right = left + (size_t)(size - 1) * 3;
        for (; left < right; left += 3, right -= 3) {
            uint8_t keep[3];
            memcpy(keep, left, 3);
            memcpy(left, right, 3);
            memcpy(right, keep, 3);
        }
    }
}

void augment_brightness(uint8_t *pixels, int64_t n, float factor) {
    for (int64_t i = 0; i < 3 * n; i++) pixels[i] = blend(0, pixels[i], factor);
}

void augment_contrast(uint8_t *pixels, int64_t n, float factor) {
    int64_t sum = 0;
    for (int64_t i = 0; i < n; i++) sum += luma(pixels + 3 * i);
    int mean = (int)((double)sum / (double)n + 0.5);
    for (int64_t i = 0; i < 3 * n; i++) pixels[i] = blend(mean, pixels[i], factor);
}

void augment_saturation(uint8_t *pixels, int64_t n, float factor) {
    for (int64_t i = 0; i < n; i++, pixels += 3) {
        int grey = luma(pixels);
        for (int c = 0; c < 3; c++) pixels[c] = blend(grey, pixels[c], factor);
    }
}

void augment_grey(uint8_t *pixels, int64_t n) {
    for (int64_t i = 0; i < n; i++, pixels += 3) memset(pixels, luma(pixels), 3);
}

/* RGB to HSV bytes as Pillow's convert("HSV"): hue and saturation are truncated. */
static void to_hsv(uint8_t hsv[3], const uint8_t *p) {
    int r = p[0], g = p[1], b = p[2];
    int high = r > g ? (r > b ? r : b) : (g > b ? g : b);
    int low = r < g ? (r < b ? r : b) : (g < b ? g : b);
    hsv[0] = hsv[1] = 0;
    hsv[2] = (uint8_t)high;
    if (high == low) return;
    float spread = (float)(high - low), s = spread / (float)high, h;
    float rc = (float)(high - r) / spread, gc = (float)(high - g) / spread;
    float bc = (float)(high - b) / spread;
    if (r == high)
        h = bc - gc;
    else if (g == high)
        h = (float)(2.0 + rc - bc);
    else
        h = (float)(4.0 + gc - rc);
    h = (float)fmod(h / 6.0 + 1.0, 1.0);
    hsv[0] = clamp_byte((float)(int)(h * 255.0));
    hsv[1] = clamp_byte((float)(int)(s * 255.0));
}

static void from_hsv(uint8_t *p, const uint8_t hsv[3]) {
    int h = hsv[0], s = hsv[1], v = hsv[2];
    int sector = (int)floor((float)h * 6.0 / 255.0);
    float f = (float)((float)h * 6.0 / 255.0 - (float)sector);
    float fs = (float)((float)s / 255.0);
    uint8_t value = (uint8_t)v;
    uint8_t a = (uint8_t)round((float)v * (1.0 - fs));
    uint8_t q = (uint8_t)round((float)v * (1.0 - fs * f));
    uint8_t t = (uint8_t)round((float)v * (1.0 - fs * (1.0 - f)));
    const uint8_t rgb[6][3] = {{value, t, a}, {q, value, a}, {a, value, t},
                               {a, q, value}, {t, a, value}, {value, a, q}};
    if (s == 0)
        memset(p, v, 3);
    else
        memcpy(p, rgb[sector % 6], 3);
}

void augment_hue(uint8_t *pixels, int64_t n, float turn) {
    uint8_t shift = (uint8_t)(int)(turn * 255.0f); /* wraps: the hue is a circle of 256 */
    for (int64_t i = 0; i < n; i++, pixels += 3) {
        uint8_t hsv[3];
        to_hsv(hsv, pixels);
        hsv[0] = (uint8_t)(hsv[0] + shift);
        from_hsv(pixels, hsv);
    }
}

/* i mirrored at both ends without repeating the end: -1 is 1, n is n - 2. */
static int mirror(int i, int n) {
    if (n == 1) return 0;
    int period = 2 * (n - 1);
    i %= period;
    if (i < 0) i += period;
    return i < n ? i : period - i;
}

enum status augment_blur(uint8_t *pixels, int size, float sigma, struct augment_memory *memory,
                         struct error *e) {
    int radius = (int)ceilf(3.0f * sigma);
    size_t n = (size_t)size * (size_t)size * 3, row = (size_t)size * 3;
    size_t bytes = (n + 2 * (size_t)radius + 1) * sizeof(float);
    if (bytes > memory->capacity) {
        free(memory->block);
        memory->capacity = 0;
        memory->block = malloc(bytes);
        if (!memory->block)
            return fail(e, STATUS_NO_MEMORY, "blur: no memory for %zu bytes", bytes);
        memory->capacity = bytes;
    }
    float *wide = memory->block, *weight = wide + n + radius; /* weight[-radius .. radius] */
    float sum = 0.0f;
    for (int k = -radius; k <= radius; k++) {
        weight[k] = expf(-0.5f * (float)(k * k) / (sigma * sigma));
        sum += weight[k];
    }
    for (int k = -radius; k <= radius; k++) weight[k] /= sum;
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            float rgb[3] = {0};
            for (int k = -radius; k <= radius; k++) {
                const uint8_t *p = pixels + (size_t)y * row + (size_t)mirror(x + k, size) * 3;
                for (int c = 0; c < 3; c++) rgb[c] += weight[k] * (float)p[c];
            }
            memcpy(wide + (size_t)y * row + (size_t)x * 3, rgb, sizeof rgb);
        }
    for (int y = 0; y < size; y++)
        for (size_t i = 0; i < row; i++) {
            float value = 0.0f;
            for (int k = -radius; k <= radius; k++)
                value += weight[k] * wide[(size_t)mirror(y + k, size) * row + i];
            pixels[(size_t)y * row + i] = clamp_byte(value + 0.5f);
        }
    return STATUS_OK;
}

struct image_box augment_crop_box(int width, int height, const struct augment_params *p,
                                   struct random *random) {
    double ratio_min = p->crop_ratio_min > 0 ? p->crop_ratio_min : 3.0 / 4.0;
    double ratio_max = p->crop_ratio_max > 0 ? p->crop_ratio_max : 4.0 / 3.0;
    double area = (double)width * height;
    struct image_box box = {0};
    /* Draw all tries, used or not, so that later draws read the same numbers. */
    for (int i = 0; i < CROP_TRIES; i++) {
        double target = area * random_range(random, p->crop_area_min, p->crop_area_max);
        double ratio =
            exp(log(ratio_min) + (log(ratio_max) - log(ratio_min)) * random_float(random));
        double w = rint(sqrt(target * ratio)), h = rint(sqrt(target / ratio));
        if (!box.width && w > 0 && w <= width && h > 0 && h <= height) {
            box.width = (int)w;
            box.height = (int)h;
        }
    }
    double x = random_float(random), y = random_float(random);
    if (box.width) {
        box.x = (int)(x * (width - box.width + 1));
        box.y = (int)(y * (height - box.height + 1));
        return box;
    }
    box.width = width;
    box.height = height;
    if ((double)width / height < ratio_min)
        box.height = (int)rint(width / ratio_min);
    else if ((double)width / height > ratio_max)
        box.width = (int)rint(height * ratio_max);
    if (box.width < 1) box.width = 1;
    if (box.height < 1) box.height = 1;
    box.x = (width - box.width) / 2;
    box.y = (height - box.height) / 2;
    return box;
}

/* Uniform in [max(0, 1 - strength), 1 + strength]. */
static float draw_factor(float strength, struct random *random) {
    return random_range(random, strength < 1.0f ? 1.0f - strength : 0.0f, 1.0f + strength);
}

/* The four colour steps in a random order. */
static void jitter(uint8_t *pixels, int64_t n, const struct augment_params *p,
                   struct random *random) {
    bool on = random_float(random) < p->jitter;
    float brightness = draw_factor(p->brightness, random);
    float contrast = draw_factor(p->contrast, random);
    float saturation = draw_factor(p->saturation, random);
    float hue = random_range(random, -p->hue, p->hue);
    int order[4] = {0, 1, 2, 3};
    for (int i = 3; i > 0; i--) {
        int j = (int)(random_float(random) * (float)(i + 1)), keep = order[i];
        order[i] = order[j];
        order[j] = keep;
    }
    if (!on) return;
    for (int i = 0; i < 4; i++) {
        if (order[i] == 0 && p->brightness > 0) augment_brightness(pixels, n, brightness);
        if (order[i] == 1 && p->contrast > 0) augment_contrast(pixels, n, contrast);
        if (order[i] == 2 && p->saturation > 0) augment_saturation(pixels, n, saturation);
        if (order[i] == 3 && p->hue > 0) augment_hue(pixels, n, hue);
    }
}

struct image_box augment_box(int size, int width, int height, const struct augment_params *p,
                             const struct random *random) {
    struct random copy = *random;
    if (!(p->crop_area_max > 0)) return resize_center_box(size, width, height);
    return augment_crop_box(width, height, p, &copy);
}

enum status augment_view(uint8_t *out, int size, const struct image *source,
                         const struct augment_params *p, struct random *random,
                         struct augment_memory *memory, struct error *e) {
    enum status rc = STATUS_OK;
    int64_t n = (int64_t)size * size;
    struct resize_params params = {
        .box = augment_crop_box(source->width, source->height, p, random),
        .width = size,
        .height = size,
    };
    if (p->crop_area_max > 0)
        TRY(resize_bicubic(out, source, &params, &memory->resize, e));
    else
        TRY(resize_center_crop(out, size, source, &memory->resize, e));
    if (random_float(random) < p->flip) augment_flip(out, size);
    jitter(out, n, p, random);
    if (random_float(random) < p->grey) augment_grey(out, n);
    float sigma = random_range(random, p->blur_sigma_min > 0 ? p->blur_sigma_min : 0.1f,
                               p->blur_sigma_max > 0 ? p->blur_sigma_max : 2.0f);
    if (random_float(random) < p->blur) TRY(augment_blur(out, size, sigma, memory, e));
done:
    return rc;
}

static int clamp_index(int i, int n) {
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

/* 5 x 5 box blur of one patch, edges repeated. pixels: its first byte; row: bytes to the next row.
 */
static void blur_patch(uint8_t *pixels, size_t row, int patch) {
    uint16_t sums[PATCH_MAX][PATCH_MAX * 3]; /* of five neighbours in x */
    for (int y = 0; y < patch; y++)
        for (int x = 0; x < patch; x++)
            for (int c = 0; c < 3; c++) {
                int sum = 0;
                for (int k = -2; k <= 2; k++)
                    sum += pixels[(size_t)y * row + (size_t)clamp_index(x + k, patch) * 3 + c];
                sums[y][x * 3 + c] = (uint16_t)sum;
            }
    for (int y = 0; y < patch; y++)
        for (int i = 0; i < patch * 3; i++) {
            int sum = 0;
            for (int k = -2; k <= 2; k++) sum += sums[clamp_index(y + k, patch)][i];
            pixels[(size_t)y * row + i] = (uint8_t)((2 * sum + 25) / 50);
        }
}

void augment_blur_patches(uint8_t *pixels, int size, int patch, float fraction,
                          struct random *random) {
    CHECK(patch > 0 && patch <= PATCH_MAX && size % patch == 0);
    int side = size / patch, n = side * side, n_left = (int)lrintf(fraction * (float)n);
    /* Selection sampling: each patch is taken with probability (still wanted) / (still to come). */
    for (int i = 0; i < n; i++) {
        if ((int)(random_float(random) * (float)(n - i)) >= n_left) continue;
        n_left--;
        blur_patch(pixels +
                       ((size_t)(i / side) * (size_t)size + (size_t)(i % side)) * (size_t)patch * 3,
                   (size_t)size * 3, patch);
    }
}

void augment_release(struct augment_memory *memory) {
    resize_release(&memory->resize);
    free(memory->block);
    *memory = (struct augment_memory){0};
}
