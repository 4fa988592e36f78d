/* Random damage to good pictures. Whatever comes out, the decoder returns OK with a picture or
 * BAD_DATA; the sanitizer build watches memory. Half of the damaged PNGs get their CRCs repaired,
 * so that the damage reaches the decoder.
 *   test_image_fuzz [SEED [ROUNDS]]   repeats a run */
#include "data/gzip.h"
#include "data/image.h"
#include "pipeline/base/file.h"
#include "pipeline/base/random.h"
#include "tests/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 60000, DAMAGES_MAX = 4, COPY_MAX = 64 << 10 };

static const char *const names[] = {
    "color_420.jpg", "grey.jpg",          "progressive.jpg",     "cmyk.jpg",
    "ycck.jpg",      "color.png",         "alpha.png",           "bit.png",
    "palette.png",   "palette_key.png",   "palette_short.png",   "palette_2_interlaced.png",
    "deep.png",      "deep_grey.png",     "deep_grey_alpha.png", "interlaced.png",
    "color_key.png", "lossy.webp",        "lossless_alpha.webp", "color.bmp",
    "palette_8.bmp", "palette_4.bmp",     "bit.bmp",             "rgb_565.bmp",
    "alpha.bmp",
};
enum { N_NAMES = sizeof names / sizeof *names };

/* One random change; the size may change too. */
static size_t damage(uint8_t *bytes, size_t n, struct random *random) {
    static const uint8_t telling[] = {0, 1, 0x7F, 0x80, 0xFF, 0xC0, 0xC4, 0xD9, 0xDA};
    size_t at = random_below(random, n), length = 1 + random_below(random, 16);
    if (length > n - at) length = n - at;
    switch (random_below(random, 6)) {
    case 0:
        bytes[at] ^= (uint8_t)(1u << random_below(random, 8));
        break;
    case 1:
        bytes[at] = telling[random_below(random, sizeof telling)];
        break;
    case 2:
        for (size_t i = 0; i < length; i++) bytes[at + i] = (uint8_t)random_u32(random);
        break;
    case 3: /* leave out */
        memmove(bytes + at, bytes + at + length, n - at - length);
        return n - length > 0 ? n - length : 1;
    case 4: /* say twice */
        if (n + length > COPY_MAX) break;
        memmove(bytes + at + length, bytes + at, n - at);
        return n + length;
    default:
        memset(bytes + at, random_u32(random) & 1 ? 0xFF : 0, length);
    }
    return n;
}

static void repair_png(uint8_t *bytes, size_t n) {
    for (size_t at = 8; n - at >= 12 && at < n;) {
        size_t length = (size_t)bytes[at] << 24 | (size_t)bytes[at + 1] << 16 |
                        (size_t)bytes[at + 2] << 8 | bytes[at + 3];
        if (length > n - at - 12) return;
        uint32_t crc = gzip_crc32(bytes + at + 4, length + 4);
        for (int i = 0; i < 4; i++) bytes[at + 8 + length + i] = (uint8_t)(crc >> (24 - 8 * i));
        at += length + 12;
    }
}

int main(int argc, char **argv) {
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
    int rounds = argc > 2 ? (int)strtol(argv[2], NULL, 0) : ROUNDS, n_good = 0, n_bad = 0;
    uint8_t *original[N_NAMES];
    size_t size[N_NAMES];
    struct image image = {0};
    struct random random = random_begin(seed, RANDOM_TEST, 0, 0);
    printf("seed %" PRIu64 ", %d rounds\n", seed, rounds);
    for (int i = 0; i < N_NAMES; i++) {
        char path[512], *bytes = NULL;
        struct error e;
        snprintf(path, sizeof path, "%s/tests/fixtures/images/%s", SAPWOOD_SOURCE_DIR, names[i]);
        if (!CHECK_EQUAL(file_read_all(&bytes, &size[i], path, COPY_MAX, &e), STATUS_OK))
            return check_report();
        original[i] = (uint8_t *)bytes;
    }
    for (int round = 0; round < rounds; round++) {
        int i = round % N_NAMES;
        size_t n = size[i];
        uint8_t *bytes = malloc(COPY_MAX), *exact;
        struct error e;
        memcpy(bytes, original[i], n);
        for (uint64_t k = random_below(&random, DAMAGES_MAX) + 1; k; k--)
            n = damage(bytes, n, &random);
        if (random_u32(&random) & 1) repair_png(bytes, n);
        exact = realloc(bytes, n); /* so that one byte too far is seen */
        enum image_rgb rule = round / N_NAMES % 2 ? IMAGE_RGB_SHOWN : IMAGE_RGB_PILLOW;
        enum status rc = image_decode(&image, exact, n, rule, &e);
        n_good += rc == STATUS_OK;
        n_bad += rc == STATUS_BAD_DATA;
        if (rc == STATUS_OK ? image.width < 1 || image.height < 1 : image.width != 0)
            CHECK_TRUE(!"size after decoding");
        free(exact);
    }
    CHECK_EQUAL(n_good + n_bad, rounds);
    CHECK_TRUE(n_bad > rounds / 3); /* the damage was real */
    printf("%d decoded, %d refused\n", n_good, n_bad);
    for (int i = 0; i < N_NAMES; i++) free(original[i]);
    image_release(&image);
    return check_report();
}
