/* model: an architecture with its parameters in the memory of a backend.
 *
 * Order of calls: model_declare fills the registry; losses may then add parameters of their own
 * (model.parameters); model_allocate lays everything out and fills it from files or with starting
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
/* weights: path of the base weights, as weight_files_open takes it; NULL: starting values, a
 * function of seed. Adapters and heads that the files lack start from seed too. Errors: those of
 * model_load, NO_MEMORY, GPU. */
enum status model_allocate(struct model *m, struct backend *b, uint64_t seed, const char *weights,
                           struct error *e);
void model_release(struct model *m);

/* Views without gradients: of the student, and of the base model, with adapters bypassed. If the
 * UniAdapter starts from trained values, the base model includes it, and its view is valid only
 * until training begins. */
struct weights_view model_view(const struct model *m);
struct weights_view model_base_view(const struct model *m);

/* Replaces the base weights by those of files, in any layout of weight_layout.h, found from the
 * files. Position embeddings for another number of tokens are resized (positions.h). Adapter
 * tensors are read if the registry has them; files with adapters that this model lacks are refused.
 * BAD_DATA: a number that is not finite, or one error that names all tensors that are missing,
 * extra, or of another shape or type, and the built-in architecture that would fit. Up to 20 of
 * each that do not fit into the text are logged, unless another architecture fits. */
enum status model_load(struct model *m, const char *path, struct error *e);

/* Reads what a run trained (written by model_save with MODEL_TRAINABLE or MODEL_EVERYTHING) over
 * the base weights. Heads of losses are read only if the model has them; evaluation does not need
 * them. BAD_DATA when the file lacks a trainable weight or has an adapter that this model lacks. */
enum status model_load_trained(struct model *m, const char *path, struct error *e);

/* Merges trained adapters into the base weights. This changes the base weights, so call it before
 * anything is computed from them. A UniAdapter cannot be merged; its values become the start of the
 * model's own UniAdapter (BAD_DATA when that has another shape or scale). Warns when the adapters
 * were trained on other weights. */
struct adapter_set;
enum status model_merge(struct model *m, const struct adapter_set *s, struct error *e);

/* Writes a part of the model: every base weight without adapters, everything trainable (adapters
 * and heads), or both. With MODEL_TRAINABLE the file's __metadata__ records what merging needs:
 * lora_alpha or uniadapter_scale, and base_digest, the digest of the base weights before
 * training. */
enum model_part { MODEL_BASE, MODEL_TRAINABLE, MODEL_EVERYTHING };
enum status model_save(const struct model *m, enum model_part part, const char *base_digest,
                       const char *path, struct error *e);
/* The same tensors in memory, for checkpoints. Tensors and names are copies that may outlive the
 * model; release them with model_content_release. */
struct safetensors_content;
enum status model_content(const struct model *m, enum model_part part,
                          struct safetensors_content *content, struct error *e);
void model_content_release(struct safetensors_content *content);

/* Digest of the weights on the device, by name, and of the settings of the architecture that change
 * what equal weights compute. 32 hex digits and a NUL. Checkpoints, teacher features and adapters
 * compare it to tell whether a model is the same. */
enum status model_digest(const struct model *m, enum model_part part, char out[33],
                         struct error *e);

/* Copy parameter i between device and host. slot: m->student or a copy with its layout; ignored for
 * frozen parameters. */
enum status model_read(const struct model *m, int i, const struct buffer *slot, float *values,
                       struct error *e);
enum status model_write(struct model *m, int i, const float *values, struct error *e);
/* Pointer to parameter i itself if the backend's memory is host memory, else NULL. */
float *model_host(const struct model *m, int i, const struct buffer *slot);
/* Memory for the numbers of the largest parameter. The caller frees it; NULL: no memory. */
float *model_scratch(const struct model *m, struct error *e);

#endif
