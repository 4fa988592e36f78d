/* recipe: everything the user controls about a run, as read from JSON.
 *
 * Field names follow open_clip's flags where there is one; recipe.c has the help, range and default
 * of each. Paths are relative to the folder of the recipe. A recipe is read strictly (unknown
 * names, kinds and ranges are errors with their place); recipe_write gives it back with every
 * default filled in and paths resolved. */
#ifndef PIPELINE_RECIPE_RECIPE_H
#define PIPELINE_RECIPE_RECIPE_H

#include "data/batch.h"
#include "data/texts/caption.h"
#include "models/clip/model.h"
#include "pipeline/base/schema.h"
#include "pipeline/base/text.h"
#include "pipeline/continual/plug.h"
#include "pipeline/eval/evaluation.h"

/* One source of samples. Empty texts mean the default. */
struct recipe_source {
    const char *name, *shards;
    double ratio; /* share of samples; 0 for all sources of a part: by their sizes */
    int captions; /* enum caption_use */
    const char *caption_field, *label_field;
    struct schema_objects caption_mix; /* struct dataset_mix; none: caption_field */
    struct schema_texts templates, classnames;
};

/* Training augmentation, as struct augment_params. */
struct recipe_augment {
    double crop_area_min, crop_ratio_max, flip;
    double jitter, brightness, contrast, saturation, hue;
    double grey, blur;
    double tag_dropout; /* of captions "label: tag, tag" */
};

struct recipe_path {
    struct recipe_path *next; /* the text follows */
};

/* Samples of one role in a step. */
struct recipe_part {
    int64_t n;
    struct schema_objects sources; /* struct recipe_source */
    struct recipe_augment augment;
    double blur_share; /* view: share of blurred patches in the student's views */
    bool same_source;  /* update: each step from one source */
    double share;      /* pretrain, buffer: of the pairs of a step */
    int keep;          /* buffer: enum replay_keep */
    int64_t capacity;  /* buffer: samples; 0 with "all" only */
};

/* The samples of a stage by a list of classes, as data/stream/ordering.h. */
struct recipe_ordering {
    const char *list;
    int64_t chunks, chunk; /* chunk 0, in the file only: a stage for each */
    bool reversed;
};

enum { RECIPE_STAGES_MAX = 10000 };

struct recipe_stage {
    const char *name;
    int64_t steps; /* 0 until recipe_set_steps, where epochs are given */
    double epochs; /* passes over the stage's samples; 0: steps are given */
    double lr;                        /* peak; 0: optimizer.lr */
    struct schema_objects sources;    /* none: those of data.update */
    struct recipe_ordering *ordering; /* NULL: all samples of the sources */
};

/* What a stage made of a chunk has of its own. */
struct recipe_expanded {
    char name[80];
    struct recipe_ordering ordering;
};

struct recipe_lora {
    int64_t rank;
    double alpha;
    struct schema_texts layers;
};

struct recipe_bottleneck {
    int64_t width;
    double scale;
};

enum recipe_non_finite { RECIPE_STOP, RECIPE_SKIP, RECIPE_REWIND };

struct recipe {
    const char *name;
    int64_t seed;
    const char *device;   /* as struct backend_options */
    int64_t threads;      /* 0: all cores */
    bool pipeline_cache;  /* backend_options.pipelines, in the user's folder for caches */
    int64_t memory_bytes; /* as in struct learner */
    struct {
        const char *architecture, *vocabulary, *weights; /* weights "": random start */
        struct schema_texts adapters;                    /* merged into the weights at the start */
        int train;                                       /* enum model_training */
        bool train_logit_scale;
        struct recipe_lora *lora; /* NULL: none */
        struct recipe_bottleneck *uniadapter;
        struct schema_texts towers;
        int64_t first_layer, last_layer;
    } model;
    struct {
        int64_t slice, loader_threads;
        int to_rgb;                                 /* enum image_rgb */
        const char *background;                     /* of image_background; "": none */
        double jpeg_reducing_gap;                   /* as jpeg_gap of struct dataset_source */
        const char *cache;                          /* "": RUN/cache */
        int64_t cache_bytes;                        /* limit of remote shards in it */
        struct recipe_part *part[BATCH_ROLE_COUNT]; /* NULL: the role is not used */
    } data;
    struct schema_objects stages; /* struct recipe_stage */
    struct schema_variants plugs[PLUG_POINTS];
    struct {
        double lr, grad_clip_norm;
        int64_t accum_freq;
    } optimizer;
    struct {
        int64_t every; /* steps; 0: only at the ends of stages */
        int64_t keep;
    } checkpoint;
    struct {
        bool at_start;
        struct schema_objects sets; /* struct evaluation_set */
    } evaluation;
    int64_t log_every;
    int non_finite;     /* enum recipe_non_finite */
    int64_t self_check; /* steps; 0: never */
    double stall_seconds;

    /* Not in the file: made by recipe_read. */
    struct schema_source *source;
    struct adapter_config adapters;
    struct recipe_path *paths;        /* texts of resolved paths */
    struct recipe_expanded *expanded; /* NULL: no stage stood for several */
    struct recipe_stage *expanded_stages;
    /* What decides the numbers of a run: the recipe with its defaults, paths as they were given,
     * without what recipe_schema.c marks as not compared; as JSON with one value per line, and its
     * digest. */
    struct text numbers;
    uint64_t digest;
};

/* Reads and checks a recipe; settings are "a.b=value" overrides. */
enum status recipe_read(struct recipe **out, const char *path, const char *const *settings,
                        int n_settings, struct error *e);
/* A recipe for a model that is only looked at: weights, with the architecture and the vocabulary
 * that they do not say themselves (NULL: none given). Paths are relative to the working folder. It
 * has no data. */
enum status recipe_of_weights(struct recipe **out, const char *weights, const char *architecture,
                              const char *vocabulary, const char *const *settings, int n_settings,
                              struct error *e);
void recipe_destroy(struct recipe **r);
/* The resolved recipe as JSON. */
enum status recipe_write(const struct recipe *r, struct text *out, struct error *e);
/* A JSON Schema for editors. */
enum status recipe_write_schema(struct text *out, struct error *e);
/* Steps of all stages, once each has them. */
int64_t recipe_steps(const struct recipe *r);
/* Whether a stage has epochs, whose steps depend on the data. */
bool recipe_has_epochs(const struct recipe *r);
/* Turns the epochs of a stage into steps, as if the recipe said so; digest and numbers follow. */
enum status recipe_set_steps(struct recipe *r, int stage, int64_t steps, struct error *e);
int recipe_n_stages(const struct recipe *r);
const struct recipe_stage *recipe_stage(const struct recipe *r, int i);
/* The stage of a step, and the step at which it starts (first may be NULL). */
int recipe_stage_of(const struct recipe *r, int64_t step, int64_t *first);
/* How pictures become RGB. */
struct image_rule recipe_image_rule(const struct recipe *r);
/* Slots of a role's batch part per step; 0 when there is none: pretrain and buffer have their slots
 * in that of update. */
int recipe_slots(const struct recipe *r, enum batch_role role);
/* The role whose samples are counted as the run's: update, or view in a run over pictures only. */
enum batch_role recipe_main_role(const struct recipe *r);
/* How the pairs of a step are dealt in a stage, and the slots of the other roles: n_k = floor(pairs
 * share_k) of pretrain, update and buffer; what is left goes one by one to those, in this order.
 * While the buffer is empty, in the first stage, update and pretrain share its slots; an odd one is
 * update's. Source: FoMo-in-Flux. */
void recipe_mixture(const struct recipe *r, int stage, int slots[BATCH_ROLE_COUNT]);
/* Sources of a role in a stage. */
const struct recipe_source *recipe_sources(const struct recipe *r, enum batch_role role, int stage,
                                           int *n);
/* Whether the stage trains on the source that has the name of an evaluation set: of all sources of
 * the recipe the one with the longest name that the set belongs to. */
bool recipe_trains_on(const struct recipe *r, int stage, const char *set);

#endif
