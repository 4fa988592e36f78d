/* reference: features of the frozen base model over the sources of a role, made once.
 *
 * Pictures go through the evaluation transform, a text is the first caption of its sample, as the
 * roles ref_image and ref_text draw them. A file in the folder keeps the features of one (weights,
 * architecture, sources, tower, vocabulary, limit, device); it is used when all of that is the
 * same and its content is whole, and made again otherwise. */
#ifndef PIPELINE_CONTINUAL_SHARED_REFERENCE_H
#define PIPELINE_CONTINUAL_SHARED_REFERENCE_H

#include "data/shards/dataset.h"
#include "data/stream/order.h"
#include "data/texts/tokenizer.h"
#include "models/clip/model.h"
#include "pipeline/continual/plug.h"

struct reference_cache;

struct reference_config {
    const char *folder; /* made when missing */
    struct backend *backend;
    const struct model *model; /* allocated and loaded before the first reference_features */
    const struct tokenizer *tokenizer;
    int slice_samples;
    bool look_only; /* for a plan: features of the right number, all zero, and no file */
    int n_datasets[BATCH_ROLE_COUNT];
    struct dataset *dataset[BATCH_ROLE_COUNT][ORDER_SOURCES_MAX];
};

/* Copies config; what it points to must outlive the cache. Reads and writes nothing yet. */
enum status reference_create(struct reference_cache **out, const struct reference_config *config,
                             struct error *e);
void reference_destroy(struct reference_cache **c);

/* plug_host.reference; context is the struct reference_cache. Takes the first `limit` usable
 * samples. Errors: BAD_ARG when the role has no source; BAD_DATA when no sample is usable; STORAGE.
 */
enum status reference_features(void *context, enum batch_role role, enum tower tower, int64_t limit,
                               const struct plug_reference **out, struct error *e);

#endif
