/* embed: computes features of many pictures or texts, forward only.
 *
 * Work is cut into blocks of n_slices slices of slice_samples samples. A slice always computes all
 * its samples (missing ones are black pictures or empty texts), so a feature does not depend on the
 * number of threads. A pool of threads decodes pictures; the CPU backend gives slices to its own
 * threads.
 *
 * embedder_images and embedder_texts check for a stop between blocks (STOPPED).
 *
 * Features have length 1. After embedder_set_raw they are not scaled, like those of open_clip's
 * encode_image and encode_text.
 *
 * Texts with the same ids are encoded once, so their features have the same bits. */
#ifndef PIPELINE_FEATURES_EMBED_H
#define PIPELINE_FEATURES_EMBED_H

#include "data/shards/dataset.h"
#include "data/texts/tokenizer.h"
#include "models/backend.h"
#include "models/clip/towers.h"

/* Default number of slices in a block: fixed, so that machines agree. */
enum { EMBED_SLICES = 8 };

struct embedder;
struct embedder_text {
    const char *bytes;
    size_t n;
};

/* view: weights to read; its gradients are not used. A tower's memory is allocated when first
 * needed. */
enum status embedder_create(struct embedder **out, struct backend *b,
                            const struct weights_view *view, int slice_samples, int n_slices,
                            struct error *e);
void embedder_destroy(struct embedder **m);
/* Call before the first features are computed. */
void embedder_set_raw(struct embedder *m);
/* Numbers in a feature. */
int embedder_width(const struct embedder *m);

/* Features (n, width) of samples [first, first + n) of a dataset, by the evaluation transform. A
 * sample with an unusable picture (BAD_DATA) has usable 0 and a row of zeros; other errors end the
 * call. */
enum status embedder_images(struct embedder *m, const struct dataset *d, int64_t first, int64_t n,
                            float *features, uint8_t *usable, struct error *e);

/* The same for pictures from elsewhere. read writes the evaluation transform of picture i to out
 * (size, size, 3). Several threads call it, each with its own memory. */
typedef enum status (*embedder_read)(uint8_t *out, int size, const void *context, int64_t i,
                                     struct dataset_memory *memory, struct error *e);
enum status embedder_pictures(struct embedder *m, embedder_read read, const void *context,
                              int64_t n, float *features, uint8_t *usable, struct error *e);

/* The same for texts; one that the tokenizer refuses (BAD_DATA) has usable 0. tokenizer NULL:
 * BAD_ARG, the architecture has no text tower. */
enum status embedder_texts(struct embedder *m, const struct tokenizer *tokenizer,
                           const struct embedder_text *texts, int64_t n, float *features,
                           uint8_t *usable, struct error *e);

#endif
