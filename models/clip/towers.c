#include "models/clip/towers.h"

#include "models/ops/activation.h"
#include "models/ops/add.h"
#include "models/ops/attention.h"
#include "models/ops/attention_pool.h"
#include "models/ops/gather_rows.h"
#include "models/ops/image_tokens.h"
#include "models/ops/layer_scale.h"
#include "models/ops/layernorm.h"
#include "models/ops/linear.h"
#include "models/ops/patchify.h"
#include "models/ops/text_tokens.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tower_block_name(char *out, size_t bytes, int tower, int layer) {
    snprintf(out, bytes, "%stransformer.resblocks.%d.", tower == TOWER_IMAGE ? "visual." : "",
             layer);
}

/* --- Declaration --- */

struct declaration {
    struct parameters *parameters;
    enum status status;
    struct error *e;
    int tower, layer;
};

/* Declares prefix + name with up to two axes (columns 0: one axis, rows 0: a single number). */
static void declare(struct declaration *d, const char *prefix, const char *name,
                    enum parameter_kind kind, int64_t rows, int64_t columns,
                    enum parameter_start start, double amount) {
    struct parameter w = {
        .kind = kind,
        .tower = d->tower,
        .layer = d->layer,
        .start = start,
        .amount = (float)amount,
        .tensor = tensor_make(TENSOR_F32, (rows > 0) + (columns > 0), (int64_t[]){rows, columns})};
    if (d->status != STATUS_OK) return;
    snprintf(w.name, sizeof w.name, "%s%s", prefix, name);
    d->status = parameters_add(d->parameters, &w, d->e);
}

static void declare_norm(struct declaration *d, const char *prefix, const char *name, int width) {
    char full[96];
    snprintf(full, sizeof full, "%s.weight", name);
    declare(d, prefix, full, PARAMETER_NORM_GAIN, width, 0, PARAMETER_CONSTANT, 1);
    snprintf(full, sizeof full, "%s.bias", name);
    declare(d, prefix, full, PARAMETER_NORM_BIAS, width, 0, PARAMETER_CONSTANT, 0);
}

/* Starting values: text as open_clip's init_parameters; image as torch's defaults, which open_clip
 * leaves in place (Xavier for packed attention, Kaiming-uniform with a = sqrt 5 elsewhere). */
static void declare_block(struct declaration *d, const char *prefix, const struct tower_shape *s) {
    const bool text = d->tower == TOWER_TEXT;
    const int width = s->width, hidden = s->hidden;
    const double root = sqrt(width), bound = 1 / root;
    const double projection = 1 / (root * sqrt(2.0 * s->layers)), bound_hidden = 1 / sqrt(hidden);
    const enum parameter_start start = text ? PARAMETER_NORMAL : PARAMETER_UNIFORM;
    declare_norm(d, prefix, "ln_1", width);
    declare(d, prefix, "attn.in_proj_weight", PARAMETER_WEIGHT, 3 * width, width, start,
            text ? 1 / root : sqrt(6.0 / (4 * width)));
    declare(d, prefix, "attn.in_proj_bias", PARAMETER_BIAS, 3 * width, 0, PARAMETER_CONSTANT, 0);
    declare(d, prefix, "attn.out_proj.weight", PARAMETER_WEIGHT, width, width, start,
            text ? projection : bound);
    declare(d, prefix, "attn.out_proj.bias", PARAMETER_BIAS, width, 0, PARAMETER_CONSTANT, 0);
    if (s->layer_scale != 0)
        declare(d, prefix, "ls_1.gamma", PARAMETER_LAYER_SCALE, width, 0, PARAMETER_CONSTANT,
                s->layer_scale);
    declare_norm(d, prefix, "ln_2", width);
    declare(d, prefix, "mlp.c_fc.weight", PARAMETER_WEIGHT, hidden, width, start,
            text ? 1 / sqrt(2.0 * width) : bound);
    declare(d, prefix, "mlp.c_fc.bias", PARAMETER_BIAS, hidden, 0, PARAMETER_UNIFORM, bound);
    declare(d, prefix, "mlp.c_proj.weight", PARAMETER_WEIGHT, width, hidden, start,
            text ? projection : bound_hidden);
    declare(d, prefix, "mlp.c_proj.bias", PARAMETER_BIAS, width, 0, PARAMETER_UNIFORM,
            bound_hidden);
    if (s->layer_scale != 0)
        declare(d, prefix, "ls_2.gamma", PARAMETER_LAYER_SCALE, width, 0, PARAMETER_CONSTANT,
                s->layer_scale);
}

/* A linear layer with bias, as torch starts it. */
static void declare_linear(struct declaration *d, const char *prefix, const char *name, int out,
                           int in) {
    char full[96];
    const double bound = 1 / sqrt(in);
    snprintf(full, sizeof full, "%s.weight", name);
    declare(d, prefix, full, PARAMETER_WEIGHT, out, in, PARAMETER_UNIFORM, bound);
    snprintf(full, sizeof full, "%s.bias", name);
    declare(d, prefix, full, PARAMETER_BIAS, out, 0, PARAMETER_UNIFORM, bound);
}

static const char pool_prefix[] = "visual.attn_pool.";

/* Attention pooling: a learnt token, and a block without its first norm, in the words of blocks. */
static void declare_pool(struct declaration *d, const struct tower_shape *s) {
    const int width = s->width;
    declare(d, pool_prefix, "latent", PARAMETER_CLASS_TOKEN, width, 0, PARAMETER_NORMAL,
            1 / sqrt(width));
    declare(d, pool_prefix, "attn.in_proj_weight", PARAMETER_WEIGHT, 3 * width, width,
            PARAMETER_UNIFORM, sqrt(6.0 / (4 * width)));
    declare(d, pool_prefix, "attn.in_proj_bias", PARAMETER_BIAS, 3 * width, 0, PARAMETER_CONSTANT,
            0);
    declare_linear(d, pool_prefix, "attn.out_proj", width, width);
    declare_norm(d, pool_prefix, "ln_2", width);
    declare_linear(d, pool_prefix, "mlp.c_fc", s->hidden, width);
    declare_linear(d, pool_prefix, "mlp.c_proj", width, s->hidden);
}

static void declare_blocks(struct declaration *d, const struct tower_shape *shape) {
    for (d->layer = 0; d->layer < shape->layers; d->layer++) {
        char prefix[64];
        tower_block_name(prefix, sizeof prefix, d->tower, d->layer);
        declare_block(d, prefix, shape);
    }
    d->layer = -1;
}

static void declare_image(struct declaration *d, const struct architecture *a) {
    static const char prefix[] = "visual.";
    const struct tower_shape *s = &a->tower[TOWER_IMAGE];
    const double scale = 1 / sqrt(s->width);
    const int patch_bytes = 3 * a->patch * a->patch;
    struct parameter conv = {
        .name = "visual.conv1.weight",
        .kind = PARAMETER_PATCH_EMBED,
        .tower = TOWER_IMAGE,
        .layer = -1,
        .start = PARAMETER_UNIFORM,
        .amount = (float)(1 / sqrt(patch_bytes)),
        .tensor = tensor_make(TENSOR_F32, 4, (int64_t[]){s->width, 3, a->patch, a->patch})};
    d->tower = TOWER_IMAGE;
    if (d->status == STATUS_OK) d->status = parameters_add(d->parameters, &conv, d->e);
    if (a->has_patch_bias)
        declare(d, prefix, "conv1.bias", PARAMETER_BIAS, s->width, 0, PARAMETER_UNIFORM,
                1 / sqrt(patch_bytes));
    if (a->has_class_token)
        declare(d, prefix, "class_embedding", PARAMETER_CLASS_TOKEN, s->width, 0, PARAMETER_NORMAL,
                scale);
    if (a->registers > 0)
        declare(d, prefix, "register_tokens", PARAMETER_CLASS_TOKEN, a->registers, s->width,
                PARAMETER_NORMAL, scale);
    declare(d, prefix, "positional_embedding", PARAMETER_POSITION, s->tokens - a->registers,
            s->width, PARAMETER_NORMAL, scale);
    if (a->has_pre_norm) declare_norm(d, prefix, "ln_pre", s->width);
    declare_blocks(d, s);
    declare_norm(d, prefix, "ln_post", s->width);
    if (s->pool == TOWER_POOL_ATTENTION) declare_pool(d, s);
    if (s->has_projection)
        declare(d, prefix, "proj", PARAMETER_PROJECTION, s->width, a->joint, PARAMETER_NORMAL,
                scale);
}

static void declare_text(struct declaration *d, const struct architecture *a) {
    const struct tower_shape *s = &a->tower[TOWER_TEXT];
    d->tower = TOWER_TEXT;
    declare(d, "", "token_embedding.weight", PARAMETER_TOKEN_EMBED, a->vocabulary, s->width,
            PARAMETER_NORMAL, 0.02);
    declare(d, "", "positional_embedding", PARAMETER_POSITION, a->context, s->width,
            PARAMETER_NORMAL, 0.01);
    declare_blocks(d, s);
    declare_norm(d, "", "ln_final", s->width);
    if (s->has_projection)
        declare(d, "", "text_projection", PARAMETER_PROJECTION, s->width, a->joint,
                PARAMETER_NORMAL, 1 / sqrt(s->width));
    if (s->has_projection && s->has_projection_bias)
        declare(d, "", "text_projection.bias", PARAMETER_BIAS, a->joint, 0, PARAMETER_CONSTANT, 0);
}

enum status towers_declare(struct parameters *p, const struct architecture *a, struct error *e) {
    struct declaration d = {.parameters = p, .e = e, .tower = -1, .layer = -1};
    if (architecture_has_text(a))
        declare(&d, "", "logit_scale", PARAMETER_LOGIT_SCALE, 0, 0, PARAMETER_CONSTANT,
                a->logit_scale);
    if (architecture_has_text(a) && a->has_logit_bias)
        declare(&d, "", "logit_bias", PARAMETER_LOGIT_BIAS, 0, 0, PARAMETER_CONSTANT,
                a->logit_bias);
    declare_image(&d, a);
    if (architecture_has_text(a)) declare_text(&d, a);
    return d.status;
}

/* --- Graphs --- */

enum status tower_builder_init(struct tower_builder *b, struct graph *g,
                               const struct weights_view *view, struct error *e) {
    const int n = view->parameters->n;
    *b = (struct tower_builder){.graph = g, .view = *view};
    b->tensor = malloc((size_t)n * sizeof *b->tensor);
    if (!b->tensor) return fail(e, STATUS_NO_MEMORY, "towers: no memory for %d parameters", n);
    for (int i = 0; i < n; i++) b->tensor[i] = GRAPH_NONE;
    return STATUS_OK;
}

void tower_builder_release(struct tower_builder *b) {
    free(b->tensor);
    *b = (struct tower_builder){0};
}

int tower_parameter(struct tower_builder *b, const char *name) {
    const struct weights_view *v = &b->view;
    const int i = parameters_find(v->parameters, name);
    if (i < 0) return GRAPH_NONE;
    if (b->tensor[i] != GRAPH_NONE) return b->tensor[i];
    const struct parameter *w = &v->parameters->list[i];
    struct tensor t = w->tensor;
    if (w->kind == PARAMETER_PATCH_EMBED) /* a convolution over patches is a product with rows */
        t = tensor_make(TENSOR_F32, 2,
                        (int64_t[]){t.shape[0], t.shape[1] * t.shape[2] * t.shape[3]});
    const struct place place = {.buffer = w->is_trainable ? v->trainable : v->frozen,
                                .offset = w->offset};
    if (w->is_trainable && v->gradients.buffer) {
        struct place d_place = v->gradients;
        d_place.offset +=
            v->gradients_packed ? parameters_packed_offset(v->parameters, w->tower, w->offset)
                                : w->offset;
        b->tensor[i] = graph_parameter(b->graph, w->name, t, place, d_place);
    } else {
        b->tensor[i] = graph_input(b->graph, w->name, t, place);
    }
    return b->tensor[i];
}

/* The parameter prefix + name. */
static int named(struct tower_builder *b, const char *prefix, const char *name) {
    char full[128];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    return tower_parameter(b, full);
}

static int norm(struct tower_builder *b, const char *prefix, const char *name, int x) {
    char gain[96], bias[96];
    snprintf(gain, sizeof gain, "%s.weight", name);
    snprintf(bias, sizeof bias, "%s.bias", name);
    return layernorm_call(b->graph, x, named(b, prefix, gain), named(b, prefix, bias),
                          b->view.architecture->norm_epsilon);
}

/* A linear layer of a block with the LoRA the registry has for it. weight and bias are the names'
 * ends: ".weight" or "_weight" for packed attention. */
static int block_linear(struct tower_builder *b, const char *prefix, const char *layer,
                        const char *separator, int x, int residual) {
    const struct adapter_config *adapters = b->view.adapters;
    char weight[64], bias[64], lora_a[64], lora_b[64];
    snprintf(weight, sizeof weight, "%s%sweight", layer, separator);
    snprintf(bias, sizeof bias, "%s%sbias", layer, separator);
    snprintf(lora_a, sizeof lora_a, "%s.lora_a", layer);
    snprintf(lora_b, sizeof lora_b, "%s.lora_b", layer);
    const struct linear_inputs in = {
        .x = x,
        .weight = named(b, prefix, weight),
        .bias = named(b, prefix, bias),
        .lora_a = adapters ? named(b, prefix, lora_a) : GRAPH_NONE,
        .lora_b = adapters ? named(b, prefix, lora_b) : GRAPH_NONE,
        .residual = residual,
    };
    const float scale =
        adapters && adapters->lora_rank > 0 ? adapters->lora_alpha / (float)adapters->lora_rank : 0;
    return linear_call(b->graph, in, (struct linear_options){.scale = scale});
}

int tower_bottleneck(struct tower_builder *b, const char *prefix, int x, int y) {
    struct graph *g = b->graph;
    const int low = linear_plain_call(g, norm(b, prefix, "adapter.ln", x),
                                      named(b, prefix, "adapter.down.weight"),
                                      named(b, prefix, "adapter.down.bias"));
    const int high = linear_plain_call(g, activation_call(g, low, ACTIVATION_RELU),
                                       named(b, prefix, "adapter.up.weight"),
                                       named(b, prefix, "adapter.up.bias"));
    return add_call(g, y, high, b->view.adapters->bottleneck_scale);
}

/* x + layer, scaled per column where the block has a layer scale: residual is x where the layer adds
 * it itself. */
static int residual_of(const struct tower_shape *s, int x) {
    return s->layer_scale != 0 ? GRAPH_NONE : x;
}
static int add_layer(struct tower_builder *b, const struct tower_shape *s, const char *prefix,
                     const char *gamma, int x, int layer) {
    if (s->layer_scale == 0) return layer;
    return layer_scale_call(b->graph, x, layer, named(b, prefix, gamma));
}

static int block(struct tower_builder *b, int tower, int layer, int x) {
    struct graph *g = b->graph;
    const struct architecture *a = b->view.architecture;
    const struct tower_shape *s = &a->tower[tower];
    const struct attention_options attention = {.heads = s->heads, .causal = s->is_causal};
    char prefix[64];
    tower_block_name(prefix, sizeof prefix, tower, layer);
    const int qkv =
        block_linear(b, prefix, "attn.in_proj", "_", norm(b, prefix, "ln_1", x), GRAPH_NONE);
    const int attended = attention_call(g, qkv, attention);
    const int out = block_linear(b, prefix, "attn.out_proj", ".", attended, residual_of(s, x));
    const int x1 = add_layer(b, s, prefix, "ls_1.gamma", x, out);
    const int hidden =
        block_linear(b, prefix, "mlp.c_fc", ".", norm(b, prefix, "ln_2", x1), GRAPH_NONE);
    const int active = activation_call(g, hidden, a->activation);
    const int mlp = block_linear(b, prefix, "mlp.c_proj", ".", active, residual_of(s, x1));
    const int y = add_layer(b, s, prefix, "ls_2.gamma", x1, mlp);
    if (b->view.adapters && named(b, prefix, "adapter.up.weight") != GRAPH_NONE)
        return tower_bottleneck(b, prefix, x1, y);
    return y;
}

/* Each block is a section of the graph. */
static int blocks(struct tower_builder *b, int tower, int x) {
    for (int layer = 0; layer < b->view.architecture->tower[tower].layers; layer++) {
        graph_section(b->graph);
        x = block(b, tower, layer, x);
    }
    graph_sections_end(b->graph);
    return x;
}

int tower_image_tokens(struct tower_builder *b, int pixels) {
    const struct architecture *a = b->view.architecture;
    struct graph *g = b->graph;
    struct patchify_options patches = {.patch = a->patch};
    memcpy(patches.mean, a->mean, sizeof patches.mean);
    memcpy(patches.deviation, a->deviation, sizeof patches.deviation);
    const struct image_tokens_inputs tokens = {
        .patches = linear_plain_call(g, patchify_call(g, pixels, patches),
                                     tower_parameter(b, "visual.conv1.weight"),
                                     tower_parameter(b, "visual.conv1.bias")),
        .class_token = tower_parameter(b, "visual.class_embedding"),
        .positions = tower_parameter(b, "visual.positional_embedding"),
        .registers = tower_parameter(b, "visual.register_tokens"),
    };
    int x = image_tokens_call(g, tokens);
    if (a->has_pre_norm) x = norm(b, "visual.", "ln_pre", x);
    return blocks(b, TOWER_IMAGE, x);
}

int tower_text_tokens(struct tower_builder *b, int ids) {
    const int x = text_tokens_call(b->graph, ids, tower_parameter(b, "token_embedding.weight"),
                                   tower_parameter(b, "positional_embedding"));
    return blocks(b, TOWER_TEXT, x);
}

static int final_norm(struct tower_builder *b, int tower, int x) {
    return tower == TOWER_IMAGE ? norm(b, "visual.", "ln_post", x) : norm(b, "", "ln_final", x);
}

int tower_pool(struct tower_builder *b, int tower, int tokens, int index) {
    return final_norm(b, tower, gather_rows_call(b->graph, tokens, index));
}

/* The pooling sees no adapters: the registry has none for it. */
static int attention_pool(struct tower_builder *b, int tokens) {
    struct graph *g = b->graph;
    const struct architecture *a = b->view.architecture;
    const int latent = block_linear(b, pool_prefix, "attn.in_proj", "_",
                                    named(b, pool_prefix, "latent"), GRAPH_NONE);
    const int qkv = block_linear(b, pool_prefix, "attn.in_proj", "_", tokens, GRAPH_NONE);
    const int pooled = attention_pool_call(g, latent, qkv, a->tower[TOWER_IMAGE].heads);
    const int h = block_linear(b, pool_prefix, "attn.out_proj", ".", pooled, GRAPH_NONE);
    const int hidden = block_linear(b, pool_prefix, "mlp.c_fc", ".",
                                    norm(b, pool_prefix, "ln_2", h), GRAPH_NONE);
    return block_linear(b, pool_prefix, "mlp.c_proj", ".",
                        activation_call(g, hidden, a->activation), h);
}

int tower_features(struct tower_builder *b, int tower, int tokens, int index) {
    const struct tower_shape *s = &b->view.architecture->tower[tower];
    const char *weight = tower == TOWER_IMAGE ? "visual.proj" : "text_projection";
    const int pooled = s->pool == TOWER_POOL_ATTENTION
                           ? attention_pool(b, final_norm(b, tower, tokens))
                           : tower_pool(b, tower, tokens, index);
    if (!s->has_projection) return pooled;
    return linear_call(b->graph,
                       (struct linear_inputs){.x = pooled,
                                              .weight = tower_parameter(b, weight),
                                              .bias = s->has_projection_bias
                                                          ? tower_parameter(b, "text_projection.bias")
                                                          : GRAPH_NONE,
                                              .lora_a = GRAPH_NONE,
                                              .lora_b = GRAPH_NONE,
                                              .residual = GRAPH_NONE},
                       (struct linear_options){.transposed = 1});
}
