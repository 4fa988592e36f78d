/* towers: image and text towers as graphs over the parameters of a registry. The architecture
 * decides which of these parts a model has.
 *
 * Image: conv1 as a product over patches, class token, registers and positions, ln_pre, pre-LN
 *   blocks, ln_post. Features: the class token, or attention pooling,
 *   h = out(attention(q(latent), k and v(tokens))), h + fc2(gelu(fc1(ln_2 h))); then @ proj.
 * Text: token table and positions, pre-LN blocks, causal or not, ln_final of the end token or of the
 *   last position, @ text_projection, + its bias.
 * Block: x1 = x + ls_1 out(attention(qkv(ln_1 x)));  y = x1 + ls_2 fc2(gelu(fc1(ln_2 x1))), with the
 *   adapters that the registry holds for it.
 * Source: Radford et al. 2021; open_clip model.py and transformer.py, names as in its state_dict;
 *   attention pooling: Zhai et al. 2022; registers: Darcet et al. 2024. */
#ifndef MODELS_CLIP_TOWERS_H
#define MODELS_CLIP_TOWERS_H

#include "models/adapters/adapters.h"
#include "models/graph.h"

/* "transformer.resblocks.3." or "visual.transformer.resblocks.3." */
void tower_block_name(char *out, size_t bytes, int tower, int layer);

/* Declares every base weight with open_clip's random start, frozen. */
enum status towers_declare(struct parameters *p, const struct architecture *a, struct error *e);

/* A view of a registry: the memory from which a graph takes its weights, and where gradients go. */
struct weights_view {
    const struct parameters *parameters;
    const struct architecture *architecture;
    struct buffer *frozen;
    struct buffer *trainable; /* a slot: the student's, or a moving average */
    struct place gradients;   /* start of the gradient block; buffer NULL: no gradients */
    bool gradients_packed;    /* the block is that of one tower, see parameters.h */
    const struct adapter_config
        *adapters; /* NULL: adapters are bypassed, which is the base model */
};

/* The graph's tensors of parameters, created on first use; one builder per graph and view. */
struct tower_builder {
    struct graph *graph;
    struct weights_view view;
    int *tensor; /* per parameter, GRAPH_NONE: not used yet */
};

enum status tower_builder_init(struct tower_builder *b, struct graph *g,
                               const struct weights_view *view, struct error *e);
void tower_builder_release(struct tower_builder *b);
/* The tensor of the named parameter; GRAPH_NONE when the registry has none. */
int tower_parameter(struct tower_builder *b, const char *name);

/* pixels (B, S, S, 3) bytes -> tokens (B, T, C) after the last block, before ln_post: class token
 * and registers if there are any, then patches. */
int tower_image_tokens(struct tower_builder *b, int pixels);
/* ids (B, T) int32 -> tokens (B, T, C) after the last block, before ln_final. */
int tower_text_tokens(struct tower_builder *b, int ids);
/* The final norm of chosen tokens: index (R) int32 into the B T rows -> (R, C). */
int tower_pool(struct tower_builder *b, int tower, int tokens, int index);
/* tokens (B, T, C) -> features (B, joint), not normalised. index (B) int32 into the B T rows: the
 * pooled token; not used by attention pooling. */
int tower_features(struct tower_builder *b, int tower, int tokens, int index);

/* The UniAdapter of the block with that prefix: y + scale Up(ReLU(Down(LN x))), shaped like x. */
int tower_bottleneck(struct tower_builder *b, const char *prefix, int x, int y);

#endif
