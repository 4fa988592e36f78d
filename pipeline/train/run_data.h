/* run_data: opens the sources of a recipe and describes what each stage reads. It needs no model,
 * so a plan of the data needs none. */
#ifndef PIPELINE_TRAIN_RUN_DATA_H
#define PIPELINE_TRAIN_RUN_DATA_H

#include "data/stream/ordering.h"
#include "data/stream/stream.h"
#include "pipeline/recipe/recipe.h"

struct run_data {
    const struct recipe *recipe; /* the caller's */
    int n_datasets;
    struct {
        const struct recipe_source *source;
        struct dataset *dataset;
        bool is_shared; /* the same as an earlier source */
    } * opened;
    struct ordering **ordering; /* (stages) NULL unless opened */
    struct selection *
        *chosen;              /* (stages) samples of a stage with an ordering, made on demand */
    uint64_t lists_digest;    /* digest of the lists of orderings; 0: none */
    struct selection *buffer; /* past samples of the last requested stage; NULL: none */
};

/* Opens every source; indexes shards without an index. cache: folder for what cannot be written
 * beside the shards. look_only: write nothing. Errors: those of dataset_open and ordering_digest,
 * NO_MEMORY. */
enum status run_data_open(struct run_data *d, const struct recipe *r, const char *cache,
                          bool look_only, struct error *e);
void run_data_close(struct run_data *d);

/* The dataset of a source of the recipe. */
struct dataset *run_data_dataset(const struct run_data *d, const struct recipe_source *source);
/* Hash of all shards and lists of classes that the run reads; a resumed run must find the same. */
uint64_t run_data_digest(const struct run_data *d);

/* Parts, sources and seed of a stage; the rest of the config is zero. Valid until the next call.
 * Errors: those of ordering_open and replay_choose. */
enum status run_data_stage(struct run_data *d, int stage, struct stream_config *c, struct error *e);
/* The same without past samples, which take time to choose. */
enum status run_data_stage_parts(struct run_data *d, int stage, struct stream_config *c,
                                 struct error *e);

#endif
