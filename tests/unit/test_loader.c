/* One slot at a time. What it must hold is the whole picture, decoded (where the source says so at
 * the scale that its crops allow) and then cropped. */
#include "data/stream/loader.h"
#include "pipeline/base/file.h"
#include "tests/check.h"
#include "tests/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 24, PICTURE = SIZE * SIZE * 3, STEPS = 40, N_FILES = 7, SEED = 5 };
static const char *const files[N_FILES] = {"large_420.jpg",         "large_422.jpg", "large_444.jpg",
                                           "large_progressive.jpg", "grey.jpg",      "cmyk.jpg",
                                           "color.png"};

static struct dataset *open_pictures(double jpeg_gap) {
    struct fixture_tar tar = {0};
    struct dataset *d;
    struct error e = {0};
    const char *path = fixture_path(fixture_folder(), "pictures.tar");
    for (int i = 0; i < N_FILES; i++) {
        char from[512], name[32], *bytes;
        size_t n;
        snprintf(from, sizeof from, "%s/tests/fixtures/images/%s", SAPWOOD_SOURCE_DIR, files[i]);
        if (!CHECK_EQUAL(file_read_all(&bytes, &n, from, 1 << 20, &e), STATUS_OK))
            exit(check_report());
        snprintf(name, sizeof name, "%d.jpg", i);
        fixture_tar_add(&tar, name, '0', bytes, n);
        free(bytes);
    }
    fixture_tar_end(&tar);
    fixture_write(path, tar.bytes, tar.n);
    fixture_tar_release(&tar);
    const struct dataset_source source = {.name = "pictures", .shards = path, .jpeg_gap = jpeg_gap};
    if (!CHECK_EQUAL(dataset_open(&d, &source, &e), STATUS_OK)) exit(check_report());
    return d;
}

/* One view of a whole picture, drawn from the numbers of data/stream/stream.h. */
static void whole_view(uint8_t *out, const struct image *picture, const struct stream_part *part,
                       const struct stream_view *view, uint64_t id, int64_t step,
                       struct augment_memory *memory) {
    struct error e;
    struct random random =
        random_begin(SEED, RANDOM_AUGMENT, id, (uint64_t)step << 8 | (uint64_t)view->crop);
    if (view->augment)
        CHECK_EQUAL(augment_view(out, SIZE, picture, &part->augment, &random, memory, &e),
                    STATUS_OK);
    else
        CHECK_EQUAL(resize_center_crop(out, SIZE, picture, &memory->resize, &e), STATUS_OK);
}

/* The scale that the smallest of the views' crops allows. */
static int shift_of(const struct image_info *info, const struct stream_part *part, uint64_t id,
                    int64_t step, double gap) {
    int shift = info->format == IMAGE_JPEG && gap > 0 ? IMAGE_SHIFT_MAX : 0;
    for (int v = 0; v < part->n_views; v++) {
        struct random random = random_begin(SEED, RANDOM_AUGMENT, id,
                                            (uint64_t)step << 8 | (uint64_t)part->view[v].crop);
        struct image_box box = {.width = info->width, .height = info->height};
        if (part->view[v].augment && part->augment.crop_area_max > 0)
            box = augment_crop_box(info->width, info->height, &part->augment, &random);
        const int side = box.width < box.height ? box.width : box.height;
        while (shift > 0 && side / (double)(1 << shift) < gap * SIZE) shift--;
    }
    return shift;
}

struct counts {
    int same, all;
    int untouched; /* first pixels of pictures that were left as they were */
    int shifts[IMAGE_SHIFT_MAX + 1], wrong_shifts;
};

/* Fills slots with all steps of all samples and compares. */
static void fill(struct counts *counts, const struct dataset *d, const struct stream_part *part) {
    static uint8_t pixels[BATCH_VIEWS_MAX * PICTURE], expected[PICTURE];
    uint64_t id;
    uint8_t usable;
    struct batch_part out = {.n = 1, .n_views = part->n_views, .image_size = SIZE,
                             .pixels = pixels, .sample_id = &id, .usable = &usable};
    const struct stream_config config = {
        .seed = SEED, .image_size = SIZE, .n_parts = 1, .part = {*part}};
    struct loader_memory memory = {0};
    struct dataset_memory whole = {0};
    struct augment_memory augment = {0};
    struct error e = {0};
    *counts = (struct counts){0};
    for (int i = 0; i < N_FILES; i++) {
        struct image_info info;
        CHECK_EQUAL(dataset_picture_info(&info, d, i, &whole, &e), STATUS_OK);
        for (int64_t step = 0; step < STEPS; step++) {
            const struct stream_place place = {.step = step, .dataset = d, .sample = i};
            struct image *picture = &memory.dataset.picture;
            CHECK_EQUAL(image_reserve(picture, info.width, info.height, &e), STATUS_OK);
            memset(picture->pixels, 0xA5, picture->capacity);
            CHECK_EQUAL(loader_fill(&out, &config, part, &place, &memory, &e), STATUS_OK);
            counts->untouched += !memcmp(picture->pixels, "\xA5\xA5\xA5", 3);
            counts->shifts[picture->shift]++;
            counts->wrong_shifts +=
                picture->shift != shift_of(&info, part, id, step, dataset_jpeg_gap(d));
            const struct image_part all = {{0, 0, info.width, info.height}, picture->shift};
            CHECK_EQUAL(dataset_picture_part(d, i, &info, &all, &whole, &e), STATUS_OK);
            for (int v = 0; v < part->n_views; v++) {
                whole_view(expected, &whole.picture, part, &part->view[v], id, step, &augment);
                counts->same += !memcmp(expected, pixels + v * PICTURE, PICTURE);
                counts->all++;
            }
        }
    }
    loader_memory_release(&memory);
    dataset_memory_release(&whole);
    augment_release(&augment);
}

static void test_views(double jpeg_gap) {
    struct dataset *d = open_pictures(jpeg_gap);
    struct counts counts;
    struct stream_part part = {.role = BATCH_ROLE_VIEW,
                               .n = 1,
                               .n_views = 1,
                               .view = {{.augment = true}},
                               .augment = {.crop_area_min = 0.05f,
                                           .crop_area_max = 1,
                                           .flip = 0.5f,
                                           .jitter = 0.5f,
                                           .brightness = 0.4f,
                                           .grey = 0.2f}};
    fill(&counts, d, &part);
    CHECK_EQUAL(counts.same, counts.all);
    CHECK_EQUAL(counts.wrong_shifts, 0);
    /* Three of the seven kinds are decoded in parts, and few crops begin in the first rows. */
    if (jpeg_gap > 0)
        CHECK_TRUE(counts.shifts[0] && counts.shifts[1] && counts.shifts[2]);
    else
        CHECK_TRUE(counts.untouched > 2 * STEPS && counts.shifts[0] == counts.all);
    /* Two crops and the centre crop of one picture need more of it than any of them alone. */
    part.n_views = 3;
    part.view[1] = (struct stream_view){.augment = true, .crop = 1};
    part.view[2] = (struct stream_view){.augment = false};
    fill(&counts, d, &part);
    CHECK_EQUAL(counts.same, counts.all);
    CHECK_EQUAL(counts.wrong_shifts, 0);
    CHECK_EQUAL(counts.all, 3 * N_FILES * STEPS);
    /* Colours without a crop. */
    part.n_views = 1;
    part.augment.crop_area_min = part.augment.crop_area_max = 0;
    fill(&counts, d, &part);
    CHECK_EQUAL(counts.same, counts.all);
    CHECK_EQUAL(counts.wrong_shifts, 0);
    dataset_close(&d);
}

/* Captions are the same when all their ids are: whichever id differs, the first or the last, and
 * whatever the length. Holes are equal to nothing. */
static void test_captions(void) {
    enum { CONTEXT = 10, N = CONTEXT + 4 };
    int32_t tokens[N * CONTEXT] = {0}, length[N], caption_id[N];
    uint8_t usable[N];
    struct batch_part part = {.n = N,
                              .context = CONTEXT,
                              .tokens = tokens,
                              .length = length,
                              .caption_id = caption_id,
                              .usable = usable};
    for (int i = 0; i < N; i++) {
        for (int k = 0; k < CONTEXT; k++) tokens[i * CONTEXT + k] = 7 + k;
        length[i] = CONTEXT;
        usable[i] = 1;
    }
    for (int i = 0; i < CONTEXT; i++) tokens[i * CONTEXT + i] = 99; /* slot i: only id i differs */
    /* After them: the plain caption, a hole of the same ids, the plain one again, slot 9 again. */
    usable[CONTEXT + 1] = 0;
    tokens[(N - 1) * CONTEXT + CONTEXT - 1] = 99;
    loader_match_captions(&part);
    for (int i = 0; i < CONTEXT + 2; i++) CHECK_EQUAL(caption_id[i], i);
    CHECK_EQUAL(caption_id[CONTEXT + 2], CONTEXT);
    CHECK_EQUAL(caption_id[N - 1], CONTEXT - 1);
}

int main(void) {
    test_captions();
    test_views(0);
    test_views(1);
    test_views(1.5);
    return check_report();
}
