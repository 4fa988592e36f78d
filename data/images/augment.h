/* augment: makes random views of a picture for training, each a function of (picture, params,
 * random).
 *
 * Order: random resized crop, flip, colour jitter, grey, blur. Each of these draws the same count
 * of random numbers whatever it decides, so changing one strength does not change the others. For
 * two views of a sample, call twice with different random streams (random_begin with another view).
 *
 * The formulas are torchvision's on Pillow pictures (ImageEnhance, HSV bytes), with the same bytes
 * for the same random choices. The blur is torchvision's on tensors, within 1 per byte. */
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

/* Memory reused from call to call; one per thread. Empty when zero-initialised. */
struct augment_memory {
    struct resize_memory resize;
    void *block; /* of the blur */
    size_t capacity;
};

/* BAD_ARG names a field whose value is out of range. */
enum status augment_check(const struct augment_params *params, struct error *e);

/* Writes one view of source to out (size, size, 3). params must have passed augment_check. Reads
 * only the pixels inside augment_box. */
enum status augment_view(uint8_t *out, int size, const struct image *source,
                         const struct augment_params *params, struct random *random,
                         struct augment_memory *memory, struct error *e);

/* Blurs a random share of the patches of a finished picture (size, size, 3), for the local view of
 * GLARE. Of the n = (size / patch)^2 patches, round(fraction n) are chosen without repeats. Each is
 * replaced by its 5 x 5 box blur, computed inside the patch (edges repeated), so nothing leaks
 * between patches. size is a multiple of patch; patch is at most 64; fraction is in [0, 1]. */
void augment_blur_patches(uint8_t *pixels, int size, int patch, float fraction,
                          struct random *random);

/* The box of a width x height picture that augment_view reads with a generator in the same state:
 * the random crop, or the box of the centre crop. */
struct image_box augment_box(int size, int width, int height, const struct augment_params *params,
                             const struct random *random);

void augment_release(struct augment_memory *memory);

/* The single operations, in place, on n pixels or a (size, size, 3) picture. */
void augment_flip(uint8_t *pixels, int size);
void augment_brightness(uint8_t *pixels, int64_t n, float factor);
void augment_contrast(uint8_t *pixels, int64_t n, float factor);
void augment_saturation(uint8_t *pixels, int64_t n, float factor);
void augment_hue(uint8_t *pixels, int64_t n, float turn);
void augment_grey(uint8_t *pixels, int64_t n);
enum status augment_blur(uint8_t *pixels, int size, float sigma, struct augment_memory *memory,
                         struct error *e);

/* The box of a random resized crop: up to ten tries for area and ratio, else the largest centred
 * box with a ratio in range (torchvision). */
struct image_box augment_crop_box(int width, int height, const struct augment_params *params,
                                   struct random *random);

#endif
