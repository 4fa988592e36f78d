/* Features in blocks against each sample encoded alone (the encoder itself is checked against
 * PyTorch in tests/golden). */
#include "models/clip/encoder.h"
#include "pipeline/features/embed.h"
#include "tests/check.h"
#include "tests/fixture.h"
#include "tests/tiny_clip.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = TINY_CLIP_JOINT, SAMPLES = 23, CUT = 7, TEXTS = 15, EMPTY = 4 };

static struct error e;
static struct dataset *dataset;
static float alone[SAMPLES * WIDTH], text_alone[TEXTS * WIDTH];
/* 0, 6 and 12 read the same once they are lower case; 4 has no ids. */
static const char *const texts[TEXTS] = {"a red cat",
                                         "dog",
                                         "a photo of a small house near the sea with many boats",
                                         "x",
                                         "\t \n",
                                         "seven words make this text rather long",
                                         "a red  CAT",
                                         "a red cat.",
                                         "blue",
                                         "blue sky",
                                         "blue sky over",
                                         "blue sky over a",
                                         "A RED CAT",
                                         "z",
                                         "dogs"};

static void make_dataset(void) {
    const char *folder = fixture_folder(), *path = fixture_path(folder, "a.tar");
    struct fixture_tar tar = {0};
    for (int i = 0; i < SAMPLES; i++) {
        char name[32];
        size_t n;
        uint8_t *png = fixture_png_noise(&n, 17 + i % 3, 20, (uint32_t)i);
        snprintf(name, sizeof name, "%03d.png", i);
        fixture_tar_add(&tar, name, '0', png, i == CUT ? n / 2 : n);
        free(png);
    }
    fixture_tar_end(&tar);
    fixture_write(path, tar.bytes, tar.n);
    fixture_tar_release(&tar);
    const struct dataset_source source = {.name = "a", .shards = path};
    if (!CHECK_EQUAL(dataset_open(&dataset, &source, &e), STATUS_OK)) exit(1);
}

static struct encoder *encoder_of(const struct tiny_clip *t, enum tower tower) {
    struct encoder *encoder;
    const struct encoder_config c = {.name = "alone",
                                     .tower = tower,
                                     .view = model_view(&t->model),
                                     .n_slices = 1,
                                     .slice_samples = 1,
                                     .rows_per_sample = 1};
    if (!CHECK_EQUAL(encoder_create(&encoder, t->backend, &c, &e), STATUS_OK)) exit(1);
    return encoder;
}

static void encode_alone(const struct tiny_clip *t) {
    struct dataset_memory memory = {0};
    uint8_t pixels[TINY_CLIP_SIZE * TINY_CLIP_SIZE * 3];
    struct encoder *encoder = encoder_of(t, TOWER_IMAGE);
    for (int i = 0; i < SAMPLES; i++) {
        if (i == CUT) continue;
        CHECK_EQUAL(dataset_pixels(pixels, TINY_CLIP_SIZE, dataset, i, &memory, &e), STATUS_OK);
        CHECK_EQUAL(encoder_set_pixels(encoder, pixels, NULL, &e), STATUS_OK);
        CHECK_EQUAL(encoder_compute(encoder, 1, &e), STATUS_OK);
        CHECK_EQUAL(encoder_read(encoder, alone + i * WIDTH, &e), STATUS_OK);
    }
    encoder_destroy(&encoder);
    dataset_memory_release(&memory);
    encoder = encoder_of(t, TOWER_TEXT);
    for (int i = 0; i < TEXTS; i++) {
        int32_t ids[TINY_CLIP_CONTEXT], length;
        int n;
        if (i == EMPTY) continue;
        CHECK_EQUAL(tokenizer_encode(t->tokenizer, texts[i], strlen(texts[i]), ids,
                                     TINY_CLIP_CONTEXT, &n, NULL, &e),
                    STATUS_OK);
        length = n;
        CHECK_EQUAL(encoder_set_text(encoder, ids, TINY_CLIP_CONTEXT, &length, &e), STATUS_OK);
        CHECK_EQUAL(encoder_compute(encoder, 1, &e), STATUS_OK);
        CHECK_EQUAL(encoder_read(encoder, text_alone + i * WIDTH, &e), STATUS_OK);
    }
    encoder_destroy(&encoder);
}

/* The order of sums differs between slices of another size, nothing else. */
static bool is_close(const float *a, const float *b, int n) {
    for (int i = 0; i < n; i++)
        if (!(fabsf(a[i] - b[i]) <= 2e-6f)) return false;
    return true;
}

struct result {
    float images[SAMPLES * WIDTH], texts[TEXTS * WIDTH];
    uint8_t usable[SAMPLES], text_usable[TEXTS];
};

static void embed(struct result *r, const struct tiny_clip *t, int slice, int n_slices) {
    const struct weights_view view = model_view(&t->model);
    struct embedder *m;
    struct embedder_text list[TEXTS];
    memset(r, 0xff, sizeof *r);
    for (int i = 0; i < TEXTS; i++) list[i] = (struct embedder_text){texts[i], strlen(texts[i])};
    CHECK_EQUAL(embedder_create(&m, t->backend, &view, slice, n_slices, &e), STATUS_OK);
    CHECK_EQUAL(embedder_width(m), WIDTH);
    CHECK_EQUAL(embedder_images(m, dataset, 0, SAMPLES, r->images, r->usable, &e), STATUS_OK);
    CHECK_EQUAL(embedder_texts(m, t->tokenizer, list, TEXTS, r->texts, r->text_usable, &e),
                STATUS_OK);
    embedder_destroy(&m);
    CHECK_TRUE(m == NULL);
}

static void check(const struct result *r) {
    static const float zeros[WIDTH];
    int wrong = 0;
    for (int i = 0; i < SAMPLES; i++) {
        wrong += r->usable[i] != (i != CUT);
        wrong += !is_close(r->images + i * WIDTH, i == CUT ? zeros : alone + i * WIDTH, WIDTH);
    }
    for (int i = 0; i < TEXTS; i++) {
        wrong += r->text_usable[i] != (i != EMPTY);
        wrong +=
            !is_close(r->texts + i * WIDTH, i == EMPTY ? zeros : text_alone + i * WIDTH, WIDTH);
    }
    CHECK_EQUAL(wrong, 0);
    CHECK_TRUE(!memcmp(r->texts, r->texts + 6 * WIDTH, WIDTH * sizeof(float)));
    CHECK_TRUE(!memcmp(r->texts, r->texts + 12 * WIDTH, WIDTH * sizeof(float)));
    CHECK_TRUE(memcmp(r->texts, r->texts + 7 * WIDTH, WIDTH * sizeof(float)) != 0);
}

/* Whole, partial and single blocks. */
static void test_block_sizes(const struct tiny_clip *t) {
    static const int sizes[][2] = {{1, 1}, {4, 2}, {5, 8}, {8, 3}, {23, 1}, {64, 2}};
    struct result r;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        embed(&r, t, sizes[i][0], sizes[i][1]);
        check(&r);
    }
}

static void test_threads(const struct result *expected) {
    for (int threads = 1; threads <= 4; threads++) {
        struct tiny_clip t;
        struct result r;
        tiny_clip_open(&t, threads, 5);
        embed(&r, &t, 4, 3);
        CHECK_TRUE(!memcmp(&r, expected, sizeof r));
        tiny_clip_close(&t);
    }
}

/* A part of a dataset gives the same rows, to the last bit: a slice has a fixed size. */
static void test_part(const struct tiny_clip *t, const struct result *all) {
    const struct weights_view view = model_view(&t->model);
    struct embedder *m;
    float rows[8 * WIDTH];
    uint8_t usable[8];
    CHECK_EQUAL(embedder_create(&m, t->backend, &view, 4, 3, &e), STATUS_OK);
    CHECK_EQUAL(embedder_images(m, dataset, 12, 8, rows, usable, &e), STATUS_OK);
    CHECK_TRUE(!memcmp(rows, all->images + 12 * WIDTH, sizeof rows));
    CHECK_EQUAL(embedder_images(m, dataset, 3, 0, rows, usable, &e), STATUS_OK);
    CHECK_EQUAL(embedder_texts(m, t->tokenizer, NULL, 0, rows, usable, &e), STATUS_OK);
    embedder_destroy(&m);
}

int main(void) {
    struct tiny_clip t;
    struct result r;
    tiny_clip_open(&t, 2, 5);
    make_dataset();
    encode_alone(&t);
    test_block_sizes(&t);
    embed(&r, &t, 4, 3);
    test_threads(&r);
    test_part(&t, &r);
    dataset_close(&dataset);
    tiny_clip_close(&t);
    return check_report();
}
