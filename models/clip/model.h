/* model: an architecture with its parameters in the memory of a backend.
 *
 * Life: model_declare makes the registry; losses may then add parameters of their own
 * (model.parameters); model_allocate lays everything out and fills it, from files or with starting
 * values. */
#ifndef MODELS_CLIP_MODEL_H
#define MODELS_CLIP_MODEL_H

#include "models/backend.h"
#include "models/clip/towers.h"
#include "pipeline/base/hash.h"

enum model_training { MODEL_TRAIN_ADAPTERS, MODEL_TRAIN_ALL };

struct model {
    struct architecture architecture;
    struct adapter_config adapters;
    struct parameters parameters;
    enum model_training training;
    struct backend *backend;
    struct buffer *frozen, *student; /* at least 256 bytes each */
    bool has_start;                  /* its UniAdapter starts from trained values (model_merge) */
    struct hash_128 start;           /* of those values */
};

struct model_config {
    struct architecture architecture;
    struct adapter_config adapters;
    enum model_training training; /* with ALL no adapters are declared */
    bool train_logit_scale;       /* and bias, whatever else is trained */
};

enum status model_declare(struct model *m, const struct model_config *c, struct error *e);
/* weights: base weights, a path as weight_files_open takes it; NULL: starting values, which are a
 * function of seed. Adapters and heads that the files do not have start from seed too. Errors: those
 * of model_load, NO_MEMORY, GPU. */
enum status model_allocate(struct model *m, struct backend *b, uint64_t seed, const char *weights,
                           struct error *e);
void model_release(struct model *m);

/* Weights the student's eyes see, without gradients; teacher: the base model, adapters bypassed.
 * With a UniAdapter that starts from trained values the base model has it too, and is right only
 * while nothing was trained. */
struct weights_view model_view(const struct model *m);
struct weights_view model_base_view(const struct model *m);

/* Reads base weights over those the model has, in any layout of weight_layout.h; the files choose.
 * Position embeddings of another number of tokens are resized (positions.h). Adapter tensors are
 * read where the registry has them; files with adapters that this model lacks are refused.
 * BAD_DATA: one error that names what is missing, extra, or of another shape or type, and the
 * built-in architecture that they would fit; a number that is not finite. Up to 20 of each that have
 * no room in the text are logged, unless another architecture fits. */
enum status model_load(struct model *m, const char *path, struct error *e);

/* Reads what a run trained (model_save of MODEL_TRAINABLE, or of everything) over the base weights.
 * BAD_DATA when the file lacks a trainable weight or has an adapter that this model lacks. Heads of
 * losses, which no evaluation needs, are not read unless the model has them. */
enum status model_load_trained(struct model *m, const char *path, struct error *e);

/* Merges trained adapters into the base weights, which are then other ones: to be called before
 * anything is made of them. A UniAdapter, which cannot be merged, becomes the start of the model's
 * own: BAD_DATA when that has another shape or scale. A warning when they were trained on other
 * weights. */
struct adapter_set;
enum status model_merge(struct model *m, const struct adapter_set *s, struct error *e);

/* Writes every base weight, adapters left aside (or all that is trainable: adapters and heads).
 * With MODEL_TRAINABLE the file's __metadata__ says what merging needs: lora_alpha or
 * uniadapter_scale, and base_digest, which is that of the weights as they were before training. */
enum model_part { MODEL_BASE, MODEL_TRAINABLE, MODEL_EVERYTHING };
enum status model_save(const struct model *m, enum model_part part, const char *base_digest,
                       const char *path, struct error *e);
/* The same tensors in memory, for checkpoints: copies, names too, that outlive the model; released
 * with model_content_release. */
struct safetensors_content;
enum status model_content(const struct model *m, enum model_part part,
                          struct safetensors_content *content, struct error *e);
void model_content_release(struct safetensors_content *content);

/* Digest of weights as they are on the device, name by name, and of the architecture: of all that
 * the same weights could be computed with in another way. 32 hex digits and a zero. Everything that
 * must know whether a model is the same one compares this: checkpoints, teacher features, adapters.
 */
enum status model_digest(const struct model *m, enum model_part part, char out[33],
                         struct error *e);

/* Parameter i between device and host. slot: m->student or a copy with its layout; ignored for
 * frozen parameters. */
enum status model_read(const struct model *m, int i, const struct buffer *slot, float *values,
                       struct error *e);
enum status model_write(struct model *m, int i, const float *values, struct error *e);
/* Its numbers themselves when the backend's memory is the host's, else NULL. */
float *model_host(const struct model *m, int i, const struct buffer *slot);
/* Room for the numbers of any one parameter, for the caller to free; NULL: no memory. */
float *model_scratch(const struct model *m, struct error *e);

#endif
