/* reference: computes features of the frozen base model over the sources of a role, once.
 *
 * Pictures go through the evaluation transform; a text is the first caption of its sample. The
 * roles ref_image and ref_text draw them in the same way. A file in the folder keeps the features
 * of one (weights, architecture, sources, tower, vocabulary, limit, device). It is used if all of
 * these are equal and its content is intact; otherwise it is made again. */
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
    bool look_only; /* for a plan: the right number of features, all zero, and no file */
    int n_datasets[BATCH_ROLE_COUNT];
    struct dataset *dataset[BATCH_ROLE_COUNT][ORDER_SOURCES_MAX];
};

/* Copies config, whose pointers must outlive the cache. Does not read or write yet. */
enum status reference_create(struct reference_cache **out, const struct reference_config *config,
                             struct error *e);
void reference_destroy(struct reference_cache **c);

/* The function for plug_host.reference; context: the struct reference_cache. Uses the first `limit`
 * usable samples. Errors: BAD_ARG when the role has no source; BAD_DATA when no sample is usable;
 * STORAGE. */
enum status reference_features(void *context, enum batch_role role, enum tower tower, int64_t limit,
                               const struct plug_reference **out, struct error *e);

#endif
