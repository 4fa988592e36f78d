/* architecture: the shape of a CLIP, read from a file in open_clip's model_configs format.
 *
 *   {"embed_dim": 512, "quick_gelu": false,
 *    "vision_cfg": {"image_size": 224, "patch_size": 32, "width": 768, "layers": 12},
 *    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8,
 *                 "layers": 12}}
 *
 * Head width is 64 unless vision_cfg.head_width says otherwise; the hidden layer of a block is 4
 * times as wide. Pixels are normalised with CLIP's mean and deviation. Unknown keys are errors. */
#ifndef MODELS_ARCHITECTURE_H
#define MODELS_ARCHITECTURE_H

#include "pipeline/base/status.h"

#include <stdbool.h>

struct json;

enum tower { TOWER_IMAGE, TOWER_TEXT, TOWER_COUNT };

/* One transformer. */
struct tower_shape {
    int width, layers, heads, tokens; /* tokens: the longest sequence, class token included */
};

struct architecture {
    char name[64];
    int joint; /* width of the joint space */
    bool quick_gelu;
    struct tower_shape tower[TOWER_COUNT];
    int image_size, patch;       /* pixels */
    float mean[3], deviation[3]; /* of red, green and blue in [0, 1], for normalising pixels */
    int context, vocabulary;
};

/* name: a built-in architecture (models/configs/), or the path of a file that ends in .json.
 * NOT_FOUND lists the built-in names. */
enum status architecture_find(struct architecture *a, const char *name, struct error *e);
enum status architecture_from_json(struct architecture *a, const struct json *root,
                                   const char *name, struct error *e);

/* The built-in files, embedded by the build. */
struct architecture_config {
    const char *name, *text;
};
extern const struct architecture_config architecture_configs[];
extern const int n_architecture_configs;

#endif
