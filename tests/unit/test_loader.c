/* One slot at a time. What it must hold is the whole picture, decoded and then cropped. */
#include "data/loader.h"
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

static struct dataset *open_pictures(void) {
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
    const struct dataset_source source = {.name = "pictures", .shards = path};
    if (!CHECK_EQUAL(dataset_open(&d, &source, &e), STATUS_OK)) exit(check_report());
    return d;
}

/* One view of a whole picture; the numbers that it is drawn from are those of data/stream.h. */
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

struct counts {
    int same, all;
    int untouched; /* first pixels of pictures that were left as they were */
};

/* Fills slots with all steps of all samples and compares. */
static void fill(struct counts *counts, const struct dataset *d, const struct stream_part *part) {
    static uint8_t pixels[BATCH_VIEWS_MAX * PICTURE], expected[PICTURE];
    uint64_t id;
    uint8_t usable;
    struct batch_part out = {.n = 1, .n_views = part->n_views, .image_size = SIZE,
                             .pixels = pixels, .sample_id = &id, .usable = &usable};
    const struct stream_config config = {.seed = SEED, .image_size = SIZE, .n_parts = 1};
    struct loader_memory memory = {0};
    struct dataset_memory whole = {0};
    struct augment_memory augment = {0};
    struct error e = {0};
    *counts = (struct counts){0};
    for (int i = 0; i < N_FILES; i++) {
        CHECK_EQUAL(dataset_picture(d, i, &whole, &e), STATUS_OK);
        for (int64_t step = 0; step < STEPS; step++) {
            const struct stream_place place = {.step = step, .dataset = d, .sample = i};
            struct image *picture = &memory.dataset.picture;
            CHECK_EQUAL(image_reserve(picture, whole.picture.width, whole.picture.height, &e),
                        STATUS_OK);
            memset(picture->pixels, 0xA5, picture->capacity);
            CHECK_EQUAL(loader_fill(&out, &config, part, &place, &memory, &e), STATUS_OK);
            counts->untouched += !memcmp(picture->pixels, "\xA5\xA5\xA5", 3);
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

int main(void) {
    struct dataset *d = open_pictures();
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
    /* Three of the seven kinds are decoded in parts, and few crops begin in the first rows. */
    CHECK_TRUE(counts.untouched > 2 * STEPS);
    /* Two crops and the centre crop of one picture need more of it than any of them alone. */
    part.n_views = 3;
    part.view[1] = (struct stream_view){.augment = true, .crop = 1};
    part.view[2] = (struct stream_view){.augment = false};
    fill(&counts, d, &part);
    CHECK_EQUAL(counts.same, counts.all);
    CHECK_EQUAL(counts.all, 3 * N_FILES * STEPS);
    /* Colours without a crop. */
    part.n_views = 1;
    part.augment.crop_area_min = part.augment.crop_area_max = 0;
    fill(&counts, d, &part);
    CHECK_EQUAL(counts.same, counts.all);
    dataset_close(&d);
    return check_report();
}
