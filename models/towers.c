#include "models/towers.h"

#include "models/ops/activation.h"
#include "models/ops/add.h"
#include "models/ops/attention.h"
#include "models/ops/gather_rows.h"
#include "models/ops/image_tokens.h"
#include "models/ops/layernorm.h"
#include "models/ops/linear.h"
#include "models/ops/patchify.h"
#include "models/ops/text_tokens.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const float norm_epsilon = 1e-5f;

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
static void declare_block(struct declaration *d, const char *prefix, int width, int layers) {
    const bool text = d->tower == TOWER_TEXT;
    const double root = sqrt(width), bound = 1 / root;
    const double projection = 1 / (root * sqrt(2.0 * layers));
    const enum parameter_start start = text ? PARAMETER_NORMAL : PARAMETER_UNIFORM;
    declare_norm(d, prefix, "ln_1", width);
    declare(d, prefix, "attn.in_proj_weight", PARAMETER_WEIGHT, 3 * width, width, start,
            text ? 1 / root : sqrt(6.0 / (4 * width)));
    declare(d, prefix, "attn.in_proj_bias", PARAMETER_BIAS, 3 * width, 0, PARAMETER_CONSTANT, 0);
    declare(d, prefix, "attn.out_proj.weight", PARAMETER_WEIGHT, width, width, start,
            text ? projection : bound);
    declare(d, prefix, "attn.out_proj.bias", PARAMETER_BIAS, width, 0, PARAMETER_CONSTANT, 0);
    declare_norm(d, prefix, "ln_2", width);
    declare(d, prefix, "mlp.c_fc.weight", PARAMETER_WEIGHT, 4 * width, width, start,
            text ? 1 / sqrt(2.0 * width) : bound);
    declare(d, prefix, "mlp.c_fc.bias", PARAMETER_BIAS, 4 * width, 0, PARAMETER_UNIFORM, bound);
    declare(d, prefix, "mlp.c_proj.weight", PARAMETER_WEIGHT, width, 4 * width, start,
            text ? projection : bound / 2);
    declare(d, prefix, "mlp.c_proj.bias", PARAMETER_BIAS, width, 0, PARAMETER_UNIFORM, bound / 2);
}

static void declare_blocks(struct declaration *d, const struct tower_shape *shape) {
    for (d->layer = 0; d->layer < shape->layers; d->layer++) {
        char prefix[64];
        tower_block_name(prefix, sizeof prefix, d->tower, d->layer);
        declare_block(d, prefix, shape->width, shape->layers);
    }
    d->layer = -1;
}

enum status towers_declare(struct parameters *p, const struct architecture *a, struct error *e) {
    const struct tower_shape *image = &a->tower[TOWER_IMAGE], *text = &a->tower[TOWER_TEXT];
    struct declaration d = {.parameters = p, .e = e, .tower = -1, .layer = -1};
    declare(&d, "", "logit_scale", PARAMETER_LOGIT_SCALE, 0, 0, PARAMETER_CONSTANT, log(1 / 0.07));

    d.tower = TOWER_IMAGE;
    const double scale = 1 / sqrt(image->width);
    const int patch_bytes = 3 * a->patch * a->patch;
    struct parameter conv = {
        .name = "visual.conv1.weight",
        .kind = PARAMETER_PATCH_EMBED,
        .tower = TOWER_IMAGE,
        .layer = -1,
        .start = PARAMETER_UNIFORM,
        .amount = (float)(1 / sqrt(patch_bytes)),
        .tensor = tensor_make(TENSOR_F32, 4, (int64_t[]){image->width, 3, a->patch, a->patch})};
    if (d.status == STATUS_OK) d.status = parameters_add(p, &conv, e);
    declare(&d, "visual.", "class_embedding", PARAMETER_CLASS_TOKEN, image->width, 0,
            PARAMETER_NORMAL, scale);
    declare(&d, "visual.", "positional_embedding", PARAMETER_POSITION, image->tokens, image->width,
            PARAMETER_NORMAL, scale);
    declare_norm(&d, "visual.", "ln_pre", image->width);
    declare_blocks(&d, image);
    declare_norm(&d, "visual.", "ln_post", image->width);
    declare(&d, "visual.", "proj", PARAMETER_PROJECTION, image->width, a->joint, PARAMETER_NORMAL,
            scale);

    d.tower = TOWER_TEXT;
    declare(&d, "", "token_embedding.weight", PARAMETER_TOKEN_EMBED, a->vocabulary, text->width,
            PARAMETER_NORMAL, 0.02);
    declare(&d, "", "positional_embedding", PARAMETER_POSITION, a->context, text->width,
            PARAMETER_NORMAL, 0.01);
    declare_blocks(&d, text);
    declare_norm(&d, "", "ln_final", text->width);
    declare(&d, "", "text_projection", PARAMETER_PROJECTION, text->width, a->joint,
            PARAMETER_NORMAL, 1 / sqrt(text->width));
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
        d_place.offset += w->offset;
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
                          norm_epsilon);
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

static int block(struct tower_builder *b, int tower, int layer, int x) {
    struct graph *g = b->graph;
    const struct architecture *a = b->view.architecture;
    const struct attention_options attention = {.heads = a->tower[tower].heads,
                                                .causal = tower == TOWER_TEXT};
    char prefix[64];
    tower_block_name(prefix, sizeof prefix, tower, layer);
    const int qkv =
        block_linear(b, prefix, "attn.in_proj", "_", norm(b, prefix, "ln_1", x), GRAPH_NONE);
    const int attended = attention_call(g, qkv, attention);
    const int x1 = block_linear(b, prefix, "attn.out_proj", ".", attended, x);
    const int hidden =
        block_linear(b, prefix, "mlp.c_fc", ".", norm(b, prefix, "ln_2", x1), GRAPH_NONE);
    const int active =
        activation_call(g, hidden, a->quick_gelu ? ACTIVATION_QUICK_GELU : ACTIVATION_GELU);
    const int y = block_linear(b, prefix, "mlp.c_proj", ".", active, x1);
    if (b->view.adapters && named(b, prefix, "adapter.up.weight") != GRAPH_NONE)
        return tower_bottleneck(b, prefix, x1, y);
    return y;
}

int tower_image_tokens(struct tower_builder *b, int pixels) {
    const struct architecture *a = b->view.architecture;
    struct graph *g = b->graph;
    struct patchify_options patches = {.patch = a->patch};
    memcpy(patches.mean, a->mean, sizeof patches.mean);
    memcpy(patches.deviation, a->deviation, sizeof patches.deviation);
    const int rows = linear_plain_call(g, patchify_call(g, pixels, patches),
                                       tower_parameter(b, "visual.conv1.weight"), GRAPH_NONE);
    int x = image_tokens_call(g, rows, tower_parameter(b, "visual.class_embedding"),
                              tower_parameter(b, "visual.positional_embedding"));
    x = norm(b, "visual.", "ln_pre", x);
    for (int layer = 0; layer < a->tower[TOWER_IMAGE].layers; layer++)
        x = block(b, TOWER_IMAGE, layer, x);
    return x;
}

int tower_text_tokens(struct tower_builder *b, int ids) {
    int x = text_tokens_call(b->graph, ids, tower_parameter(b, "token_embedding.weight"),
                             tower_parameter(b, "positional_embedding"));
    for (int layer = 0; layer < b->view.architecture->tower[TOWER_TEXT].layers; layer++)
        x = block(b, TOWER_TEXT, layer, x);
    return x;
}

int tower_pool(struct tower_builder *b, int tower, int tokens, int index) {
    const int rows = gather_rows_call(b->graph, tokens, index);
    return tower == TOWER_IMAGE ? norm(b, "visual.", "ln_post", rows)
                                : norm(b, "", "ln_final", rows);
}

int tower_project(struct tower_builder *b, int tower, int pooled) {
    const char *weight = tower == TOWER_IMAGE ? "visual.proj" : "text_projection";
    const struct linear_inputs in = {.x = pooled,
                                     .weight = tower_parameter(b, weight),
                                     .bias = GRAPH_NONE,
                                     .lora_a = GRAPH_NONE,
                                     .lora_b = GRAPH_NONE,
                                     .residual = GRAPH_NONE};
    return linear_call(b->graph, in, (struct linear_options){.transposed = 1});
}
