/* augment: random views of a picture for training, each a function of (picture, params, random).
 *
 * Order: random resized crop, flip, colour jitter, grey, blur. Every step draws the same count of
 * random numbers whatever it decides, so that changing one strength leaves the other steps alone.
 * Two views of a sample are two calls with two random streams (random_begin with another view).
 *
 * Formulae are torchvision's on Pillow pictures (ImageEnhance, HSV bytes), bit for bit where the
 * random choices are equal; the blur is torchvision's on tensors, within 1 per byte. */
#ifndef DATA_IMAGES_AUGMENT_H
#define DATA_IMAGES_AUGMENT_H

#include "data/images/image.h"
#include "data/images/resize.h"
#include "pipeline/base/random.h"
#include "pipeline/base/status.h"
#include <stdint.h>

/* Zero means off, or the default where one is named. */
struct augment_params {
    float crop_area_min, crop_area_max;   /* share of the picture, in (0, 1]; both 0: centre crop */
    float crop_ratio_min, crop_ratio_max; /* width / height, default 3/4 and 4/3 */
    float flip;                           /* probability of mirroring left and right */
    float jitter;                         /* probability of the colour jitter */
    float brightness, contrast, saturation; /* s >= 0: factor uniform in [max(0, 1-s), 1+s] */
    float hue;                              /* 0..0.5: turn of the hue uniform in [-hue, hue] */
    float grey;                             /* probability of grey */
    float blur;                             /* probability of the Gaussian blur */
    float blur_sigma_min, blur_sigma_max;   /* pixels, default 0.1 and 2 */
};

/* Memory that is reused from call to call; one per thread. Zero-initialised it is empty. */
struct augment_memory {
    struct resize_memory resize;
    void *block; /* of the blur */
    size_t capacity;
};

/* Fails with BAD_ARG and names the field when a value is out of its range. */
enum status augment_check(const struct augment_params *params, struct error *e);

/* Writes one view of source at out (size, size, 3). params must have passed augment_check. Reads
 * only the pixels of augment_box. */
enum status augment_view(uint8_t *out, int size, const struct image *source,
                         const struct augment_params *params, struct random *random,
                         struct augment_memory *memory, struct error *e);

/* Blurs a random share of the patches of a finished picture (size, size, 3), for the local level of
 * GLARE (methods: local view): of the (size / patch)^2 patches, round(fraction n) are chosen
 * without repeats and each is replaced by its 5 x 5 box blur, taken inside the patch (edges
 * repeated), so nothing leaks between patches. size is a multiple of patch, which is at most 64;
 * fraction is in [0, 1]. */
void augment_blur_patches(uint8_t *pixels, int size, int patch, float fraction,
                          struct random *random);

/* What augment_view reads of a width x height picture when it is given a generator in the same
 * state: the random crop, or what the centre crop reads. */
struct image_box augment_box(int size, int width, int height, const struct augment_params *params,
                             const struct random *random);

void augment_release(struct augment_memory *memory);

/* The single steps, on n pixels or a (size, size, 3) picture, in place. */
void augment_flip(uint8_t *pixels, int size);
void augment_brightness(uint8_t *pixels, int64_t n, float factor);
void augment_contrast(uint8_t *pixels, int64_t n, float factor);
void augment_saturation(uint8_t *pixels, int64_t n, float factor);
void augment_hue(uint8_t *pixels, int64_t n, float turn);
void augment_grey(uint8_t *pixels, int64_t n);
enum status augment_blur(uint8_t *pixels, int size, float sigma, struct augment_memory *memory,
                         struct error *e);

/* The box of a random resized crop: up to ten tries of area and ratio, else the largest centred box
 * whose ratio is in range (torchvision). */
struct image_box augment_crop_box(int width, int height, const struct augment_params *params,
                                   struct random *random);

#endif
