/* recipe: everything the user controls about a run, as read from JSON.
 *
 * Field names follow open_clip's flags where there is one. Paths are relative to the folder of the
 * recipe. A recipe is read strictly (unknown names, kinds and ranges are errors with their place);
 * recipe_write gives it back with every default filled in. */
#ifndef PIPELINE_TRAIN_RECIPE_H
#define PIPELINE_TRAIN_RECIPE_H

#include "data/stream.h"
#include "models/model.h"
#include "pipeline/base/text.h"
#include "pipeline/continual/loss_term.h"

enum { RECIPE_SOURCES_MAX = 16, RECIPE_STAGES_MAX = 64, RECIPE_LOSSES_MAX = 8, RECIPE_SETS_MAX = 32,
       RECIPE_TEXTS_MAX = 1024 };

/* One source of samples. */
struct recipe_source {
    char *name;
    char *shards;          /* brace lists, `::` */
    double ratio;          /* share of samples; 0 for all: by their sizes */
    enum caption_use captions;
    char *caption_field, *label_field; /* of the .json member; NULL: .txt and .cls */
};

/* Samples of one role. */
struct recipe_part {
    int n; /* slots per step; 0: the role is not used */
    int n_sources; /* view: 0 means the sources of update */
    struct recipe_source source[RECIPE_SOURCES_MAX];
    struct augment_params augment;
    double tag_dropout;
    double blur_share; /* view: share of blurred patches in the student's views */
};

struct recipe_stage {
    char *name;
    int64_t steps;
    double lr; /* peak; 0: optimizer.lr */
    int n_sources; /* 0: data.update.sources */
    struct recipe_source source[RECIPE_SOURCES_MAX];
};

enum recipe_task { RECIPE_RETRIEVAL, RECIPE_CLASSIFICATION };

struct recipe_set {
    char *name;
    enum recipe_task task;
    struct recipe_source source;
    int n_templates, n_classnames;
    char **templates, **classnames; /* classification; classnames none: from the data */
};

enum recipe_non_finite { RECIPE_STOP, RECIPE_SKIP };

struct recipe {
    char *path, *folder; /* of the file */
    char *name;
    uint64_t seed;
    char *device; /* as struct backend_options */
    int threads;  /* 0: all cores */

    struct {
        char *architecture, *vocabulary, *weights; /* weights NULL: random start */
        enum model_training train;
        bool train_logit_scale;
        struct adapter_config adapters;
    } model;

    struct {
        int slice;          /* samples per slice */
        int loader_threads;
        char *cache;        /* folder of indices and teacher features; NULL: RUN/cache */
        struct recipe_part part[BATCH_ROLE_COUNT];
    } data;

    int n_stages;
    struct recipe_stage stage[RECIPE_STAGES_MAX];

    int n_losses;
    struct loss_config loss[RECIPE_LOSSES_MAX];

    struct {
        double lr, lr_floor, beta1, beta2, eps, wd, grad_clip_norm;
        int64_t warmup;         /* steps of each stage */
        bool reset_on_stage;    /* moments start at zero in every stage */
        int accum_freq;         /* the batch is accum_freq times data.update.batch_size */
    } optimizer;

    struct {
        int64_t every; /* steps; 0: only at the end of stages */
        int keep;
    } checkpoint;

    int64_t log_every;
    enum recipe_non_finite non_finite;

    struct {
        bool at_start; /* a row before the first step */
        int n_sets;
        struct recipe_set set[RECIPE_SETS_MAX];
    } evaluation;
};

/* Reads and checks a recipe; settings are "a.b=value" overrides, applied first. */
enum status recipe_read(struct recipe **out, const char *path, const char *const *settings,
                        int n_settings, struct error *e);
void recipe_destroy(struct recipe **r);
/* The resolved recipe as JSON text. */
enum status recipe_write(const struct recipe *r, struct text *out, struct error *e);
/* Digest of what decides the numbers of a run: the resolved recipe without device, threads,
 * loader_threads, log_every, checkpoint and evaluation. */
uint64_t recipe_digest(const struct recipe *r);

int64_t recipe_steps(const struct recipe *r);
/* The stage of a step, and the step at which it starts. */
int recipe_stage_of(const struct recipe *r, int64_t step, int64_t *first);
/* Sources of the update role in a stage. */
const struct recipe_source *recipe_update_sources(const struct recipe *r, int stage, int *n);

#endif
