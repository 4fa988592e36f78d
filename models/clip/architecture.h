/* architecture: the shape of a model, read from a file in open_clip's model_configs format.
 *
 *   {"embed_dim": 512, "quick_gelu": false,
 *    "vision_cfg": {"image_size": 224, "patch_size": 32, "width": 768, "layers": 12},
 *    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8,
 *                 "layers": 12}}
 *
 * A file without text_cfg is an image-only ViT: no text tower, no logit scale. Everything else is
 * as in CLIP unless the file says otherwise, in the words of open_clip and timm:
 *   top          mean, std (of pixels; CLIP's), gelu_tanh (GELU by tanh), norm_eps (1e-5),
 *                init_logit_scale (ln(1 / 0.07)), init_logit_bias (a learnt bias of the logits)
 *   both towers  mlp_ratio (4), ls_init_value (layer scale in every block),
 *                proj_type ("linear", or "none": the features are the pooled tokens)
 *   vision_cfg   head_width (64), no_ln_pre, patch_bias, class_token (true), reg_tokens (0),
 *                pool_type ("tok": the class token, or "map": attention pooling)
 *   text_cfg     no_causal_mask, pool_type ("argmax": the end token, or "last"), proj_bias
 * Unknown keys are errors. */
#ifndef MODELS_CLIP_ARCHITECTURE_H
#define MODELS_CLIP_ARCHITECTURE_H

#include "models/ops/activation.h"
#include "pipeline/base/status.h"

#include <stdbool.h>

struct json;

enum tower { TOWER_IMAGE, TOWER_TEXT, TOWER_COUNT };

enum tower_pool {
    TOWER_POOL_TOKEN,     /* one token: class, end */
    TOWER_POOL_LAST,      /* the last position of the full context, padding included */
    TOWER_POOL_ATTENTION, /* a learnt query over all tokens, then an MLP */
};

/* One transformer. */
struct tower_shape {
    int width, layers, heads, tokens; /* tokens: the longest sequence, added tokens included */
    int hidden;                       /* width of a block's hidden layer */
    float layer_scale;                /* starting value; 0: blocks have none */
    enum tower_pool pool;
    bool is_causal, has_projection, has_projection_bias;
};

struct architecture {
    char name[64];
    int joint; /* width of the features */
    enum activation_kind activation;
    float norm_epsilon;
    float logit_scale, logit_bias; /* starting values */
    bool has_logit_bias;
    struct tower_shape tower[TOWER_COUNT]; /* text: zeros when there is none */
    int image_size, patch;                 /* pixels */
    float mean[3], deviation[3]; /* of red, green and blue in [0, 1], for normalising pixels */
    bool has_class_token, has_pre_norm, has_patch_bias;
    int registers; /* tokens between the class token and the patches */
    int context, vocabulary;
};

static inline bool architecture_has_text(const struct architecture *a) {
    return a->tower[TOWER_TEXT].layers > 0;
}
/* Patches of a picture, and the number of tokens in front of them (class token, registers). */
static inline int architecture_patches(const struct architecture *a) {
    return (a->image_size / a->patch) * (a->image_size / a->patch);
}
static inline int architecture_first_patch(const struct architecture *a) {
    return a->tower[TOWER_IMAGE].tokens - architecture_patches(a);
}

/* name: a built-in architecture (models/clip/configs/), or the path of a file that ends in .json,
 * as architecture_read takes it. NOT_FOUND lists the built-in names. */
enum status architecture_find(struct architecture *a, const char *name, struct error *e);
/* A file in the format above, an open_clip_config.json, or a config.json of transformers (with the
 * preprocessor_config.json beside it). Warns when the file asks for another preparation of
 * pictures. */
enum status architecture_read(struct architecture *a, const char *path, struct error *e);
/* The architecture of weights (a path as weight_files_open takes it; "": none, a random start).
 * asked: as architecture_find takes it, or "" for the config.json or open_clip_config.json beside
 * the weights. If there is such a file, mean and deviation come from it, and its activation, norms
 * and heads must agree with what was asked for: they belong to the weights, but no tensor's shape
 * shows them. BAD_ARG says what to change. */
enum status architecture_choose(struct architecture *a, const char *asked, const char *weights,
                                struct error *e);
enum status architecture_from_json(struct architecture *a, const struct json *root,
                                   const char *name, struct error *e);

/* The built-in files, embedded by the build. */
struct architecture_config {
    const char *name, *text;
};
extern const struct architecture_config architecture_configs[];
extern const int n_architecture_configs;

#endif
