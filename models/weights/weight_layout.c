#include "models/weights/weight_layout.h"

#include "pipeline/base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* --- Tables --- */

#define NAMED(from, to)                                                                            \
    { .parameter = from, .tensor = to }
#define TURNED(from, to)                                                                           \
    { .parameter = from, .tensor = to, .transposed = true }
#define LEADING(n, from, to)                                                                       \
    { .parameter = from, .tensor = to, .leading = n }

/* open_clip's CLIP and OpenAI's: the names of the registry. OpenAI's files also hold three numbers
 * about shapes; older open_clip files hold the causal mask. */
static const struct weight_rule open_clip_rules[] = {NAMED("", ""), {0}};
static const char *const open_clip_ignored[] = {"input_resolution", "context_length", "vocab_size",
                                                "attn_mask", NULL};
const struct weight_layout weight_layout_open_clip = {"open_clip", open_clip_rules,
                                                      open_clip_ignored};

/* open_clip CustomTextCLIP: the text tower is a module of its own. */
static const struct weight_rule custom_text_rules[] = {
    NAMED("transformer.", "text.transformer."),
    NAMED("token_embedding.", "text.token_embedding."),
    NAMED("positional_embedding", "text.positional_embedding"),
    NAMED("ln_final.", "text.ln_final."),
    NAMED("text_projection", "text.text_projection"),
    NAMED("", ""),
    {0},
};
static const struct weight_layout weight_layout_custom_text = {
    "open_clip_custom_text", custom_text_rules, open_clip_ignored};

/* transformers CLIPModel (modeling_clip.py). pre_layrnorm is spelt so. */
#define HUGGING_FACE_BLOCK(from, to)                                                               \
    NAMED(from "ln_1.", to "layer_norm1."),                                                        \
        NAMED(from "attn.in_proj_weight", to "self_attn.{q,k,v}_proj.weight"),                     \
        NAMED(from "attn.in_proj_bias", to "self_attn.{q,k,v}_proj.bias"),                         \
        NAMED(from "attn.out_proj.", to "self_attn.out_proj."),                                    \
        NAMED(from "ln_2.", to "layer_norm2."), NAMED(from "mlp.c_fc.", to "mlp.fc1."),            \
        NAMED(from "mlp.c_proj.", to "mlp.fc2.")
static const struct weight_rule hugging_face_clip_rules[] = {
    NAMED("logit_scale", "logit_scale"),
    NAMED("token_embedding.", "text_model.embeddings.token_embedding."),
    NAMED("positional_embedding", "text_model.embeddings.position_embedding.weight"),
    HUGGING_FACE_BLOCK("transformer.resblocks.*.", "text_model.encoder.layers.*."),
    NAMED("ln_final.", "text_model.final_layer_norm."),
    TURNED("text_projection", "text_projection.weight"),
    NAMED("visual.class_embedding", "vision_model.embeddings.class_embedding"),
    NAMED("visual.conv1.", "vision_model.embeddings.patch_embedding."),
    NAMED("visual.positional_embedding", "vision_model.embeddings.position_embedding.weight"),
    NAMED("visual.ln_pre.", "vision_model.pre_layrnorm."),
    HUGGING_FACE_BLOCK("visual.transformer.resblocks.*.", "vision_model.encoder.layers.*."),
    NAMED("visual.ln_post.", "vision_model.post_layernorm."),
    TURNED("visual.proj", "visual_projection.weight"),
    {0},
};
static const char *const hugging_face_ignored[] = {".position_ids", NULL};
const struct weight_layout weight_layout_hugging_face_clip = {
    "hugging_face_clip", hugging_face_clip_rules, hugging_face_ignored};

/* transformers SiglipModel (modeling_siglip.py). */
static const struct weight_rule hugging_face_siglip_rules[] = {
    LEADING(1, "logit_scale", "logit_scale"),
    LEADING(1, "logit_bias", "logit_bias"),
    NAMED("token_embedding.", "text_model.embeddings.token_embedding."),
    NAMED("positional_embedding", "text_model.embeddings.position_embedding.weight"),
    HUGGING_FACE_BLOCK("transformer.resblocks.*.", "text_model.encoder.layers.*."),
    NAMED("ln_final.", "text_model.final_layer_norm."),
    TURNED("text_projection", "text_model.head.weight"),
    NAMED("text_projection.bias", "text_model.head.bias"),
    NAMED("visual.conv1.", "vision_model.embeddings.patch_embedding."),
    NAMED("visual.positional_embedding", "vision_model.embeddings.position_embedding.weight"),
    HUGGING_FACE_BLOCK("visual.transformer.resblocks.*.", "vision_model.encoder.layers.*."),
    NAMED("visual.ln_post.", "vision_model.post_layernorm."),
    LEADING(2, "visual.attn_pool.latent", "vision_model.head.probe"),
    NAMED("visual.attn_pool.attn.", "vision_model.head.attention."),
    NAMED("visual.attn_pool.ln_2.", "vision_model.head.layernorm."),
    NAMED("visual.attn_pool.mlp.c_fc.", "vision_model.head.mlp.fc1."),
    NAMED("visual.attn_pool.mlp.c_proj.", "vision_model.head.mlp.fc2."),
    {0},
};
static const struct weight_layout weight_layout_hugging_face_siglip = {
    "hugging_face_siglip", hugging_face_siglip_rules, hugging_face_ignored};

/* DINO and DINOv2 of facebookresearch (vision_transformer.py), and timm's VisionTransformer without
 * its classifier. */
static const struct weight_rule dino_rules[] = {
    NAMED("visual.conv1.", "patch_embed.proj."),
    LEADING(2, "visual.class_embedding", "cls_token"),
    LEADING(1, "visual.register_tokens", "register_tokens"),
    LEADING(1, "visual.positional_embedding", "pos_embed"),
    NAMED("visual.transformer.resblocks.*.ln_1.", "blocks.*.norm1."),
    NAMED("visual.transformer.resblocks.*.attn.in_proj_weight", "blocks.*.attn.qkv.weight"),
    NAMED("visual.transformer.resblocks.*.attn.in_proj_bias", "blocks.*.attn.qkv.bias"),
    NAMED("visual.transformer.resblocks.*.attn.out_proj.", "blocks.*.attn.proj."),
    NAMED("visual.transformer.resblocks.*.ls_1.", "blocks.*.ls1."),
    NAMED("visual.transformer.resblocks.*.ln_2.", "blocks.*.norm2."),
    NAMED("visual.transformer.resblocks.*.mlp.c_fc.", "blocks.*.mlp.fc1."),
    NAMED("visual.transformer.resblocks.*.mlp.c_proj.", "blocks.*.mlp.fc2."),
    NAMED("visual.transformer.resblocks.*.ls_2.", "blocks.*.ls2."),
    NAMED("visual.ln_post.", "norm."),
    {0},
};
static const char *const dino_ignored[] = {"mask_token", "head.weight", "head.bias", NULL};
static const struct weight_layout weight_layout_dino = {"dino", dino_rules, dino_ignored};

/* transformers' Dinov2Model, with or without registers (modeling_dinov2.py), and ViTModel
 * (modeling_vit.py), the form in which DINO is published. */
#define HUGGING_FACE_VIT_FRONT                                                                     \
    NAMED("visual.conv1.", "embeddings.patch_embeddings.projection."),                             \
        LEADING(2, "visual.class_embedding", "embeddings.cls_token"),                              \
        LEADING(1, "visual.register_tokens", "embeddings.register_tokens"),                        \
        LEADING(1, "visual.positional_embedding", "embeddings.position_embeddings"),               \
        NAMED("visual.ln_post.", "layernorm."),                                                    \
        NAMED("visual.transformer.resblocks.*.attn.in_proj_weight",                                \
              "encoder.layer.*.attention.attention.{query,key,value}.weight"),                     \
        NAMED("visual.transformer.resblocks.*.attn.in_proj_bias",                                  \
              "encoder.layer.*.attention.attention.{query,key,value}.bias"),                       \
        NAMED("visual.transformer.resblocks.*.attn.out_proj.",                                     \
              "encoder.layer.*.attention.output.dense.")
static const struct weight_rule hugging_face_dinov2_rules[] = {
    HUGGING_FACE_VIT_FRONT,
    NAMED("visual.transformer.resblocks.*.ln_1.", "encoder.layer.*.norm1."),
    NAMED("visual.transformer.resblocks.*.ls_1.gamma", "encoder.layer.*.layer_scale1.lambda1"),
    NAMED("visual.transformer.resblocks.*.ln_2.", "encoder.layer.*.norm2."),
    NAMED("visual.transformer.resblocks.*.mlp.c_fc.", "encoder.layer.*.mlp.fc1."),
    NAMED("visual.transformer.resblocks.*.mlp.c_proj.", "encoder.layer.*.mlp.fc2."),
    NAMED("visual.transformer.resblocks.*.ls_2.gamma", "encoder.layer.*.layer_scale2.lambda1"),
    {0},
};
static const struct weight_rule hugging_face_vit_rules[] = {
    HUGGING_FACE_VIT_FRONT,
    NAMED("visual.transformer.resblocks.*.ln_1.", "encoder.layer.*.layernorm_before."),
    NAMED("visual.transformer.resblocks.*.ln_2.", "encoder.layer.*.layernorm_after."),
    NAMED("visual.transformer.resblocks.*.mlp.c_fc.", "encoder.layer.*.intermediate.dense."),
    NAMED("visual.transformer.resblocks.*.mlp.c_proj.", "encoder.layer.*.output.dense."),
    {0},
};
static const char *const hugging_face_vit_ignored[] = {
    "embeddings.mask_token", "pooler.dense.weight", "pooler.dense.bias", NULL};
static const struct weight_layout weight_layout_hugging_face_dinov2 = {
    "hugging_face_dinov2", hugging_face_dinov2_rules, hugging_face_vit_ignored};
static const struct weight_layout weight_layout_hugging_face_vit = {
    "hugging_face_vit", hugging_face_vit_rules, hugging_face_vit_ignored};

const struct weight_layout *const weight_layouts[] = {&weight_layout_open_clip,
                                                      &weight_layout_custom_text,
                                                      &weight_layout_hugging_face_clip,
                                                      &weight_layout_hugging_face_siglip,
                                                      &weight_layout_dino,
                                                      &weight_layout_hugging_face_dinov2,
                                                      &weight_layout_hugging_face_vit,
                                                      NULL};

/* --- Rules --- */

const struct weight_layout *weight_layout_find(const char *name) {
    for (int i = 0; weight_layouts[i]; i++)
        if (!strcmp(weight_layouts[i]->name, name)) return weight_layouts[i];
    return NULL;
}

struct match {
    char number[16];  /* what * stands for */
    const char *rest; /* rest of the name, for a pattern that is empty or ends in a dot */
};

static bool matches(const char *pattern, const char *name, struct match *m) {
    const char *p = pattern;
    m->number[0] = 0;
    for (; *p; p++) {
        if (*p != '*') {
            if (*name++ != *p) return false;
            continue;
        }
        size_t n = 0;
        while (isdigit((unsigned char)name[n]) && n + 1 < sizeof m->number) n++;
        if (!n) return false;
        memcpy(m->number, name, n);
        m->number[n] = 0;
        name += n;
    }
    m->rest = name;
    return !*name || p == pattern || p[-1] == '.';
}

/* Number of words in {a,b,c}; 1 without braces. */
static int count_parts(const char *tensor) {
    const char *at = strchr(tensor, '{');
    int n = 1;
    for (; at && *at != '}'; at++) n += *at == ',';
    CHECK(n <= WEIGHT_PARTS_MAX);
    return n;
}

/* The name of part k. */
static void write_name(char *out, const char *tensor, const struct match *m, int k) {
    char *const end = out + WEIGHT_NAME_MAX - 1;
    int word = -1; /* inside braces: which of the words this is */
    for (const char *t = tensor; *t; t++) {
        const char *piece = t;
        size_t n = 1;
        if (*t == '{' || *t == '}' || (*t == ',' && word >= 0)) {
            word = *t == '{' ? 0 : *t == '}' ? -1 : word + 1;
            continue;
        }
        if (word >= 0 && word != k) continue;
        if (*t == '*') {
            piece = m->number;
            n = strlen(m->number);
        }
        for (size_t i = 0; i < n && out < end; i++) *out++ = piece[i];
    }
    snprintf(out, (size_t)(end - out) + 1, "%s", m->rest);
}

static void set_shapes(struct weight_place *place, const struct tensor *whole, int leading) {
    struct tensor *t = &place->part;
    int64_t shape[TENSOR_RANK_MAX] = {1, 1, 1, 1};
    CHECK(leading + whole->rank <= TENSOR_RANK_MAX);
    CHECK(!place->transposed || whole->rank == 2);
    for (int i = 0; i < whole->rank; i++) shape[leading + i] = whole->shape[i];
    if (place->n_parts > 1) {
        CHECK(whole->rank > 0 && whole->shape[0] % place->n_parts == 0);
        shape[leading] /= place->n_parts;
    }
    place->rows = shape[leading];
    place->width = tensor_elements(whole) / place->n_parts / place->rows;
    if (place->transposed) {
        shape[leading] = place->width;
        shape[leading + 1] = place->rows;
    }
    *t = tensor_make(TENSOR_F32, leading + whole->rank, shape);
}

bool weight_layout_place(const struct weight_layout *l, const struct parameter *w,
                         struct weight_place *place) {
    static const struct weight_rule own_name = NAMED("", "");
    const struct weight_rule *rule = parameter_is_base(w) ? l->rule : &own_name;
    struct match m;
    while (rule->parameter && !matches(rule->parameter, w->name, &m)) rule++;
    if (!rule->parameter) return false;
    *place =
        (struct weight_place){.n_parts = count_parts(rule->tensor), .transposed = rule->transposed};
    for (int k = 0; k < place->n_parts; k++) write_name(place->name[k], rule->tensor, &m, k);
    set_shapes(place, &w->tensor, rule->leading);
    return true;
}

bool weight_layout_ignores(const struct weight_layout *l, const char *name) {
    for (int i = 0; l->ignored[i]; i++)
        if (text_ends_with(name, l->ignored[i])) return true;
    return false;
}

/* --- Numbers --- */

/* from (rows, width) -> to (width, rows) */
static void transpose(const float *from, float *to, int64_t rows, int64_t width) {
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < width; c++) to[c * rows + r] = from[r * width + c];
}

void weight_place_join(const struct weight_place *p, int k, const float *part, float *values) {
    float *rows = values + k * p->rows * p->width;
    if (p->transposed)
        transpose(part, rows, p->width, p->rows);
    else
        memcpy(rows, part, (size_t)(p->rows * p->width) * sizeof *rows);
}

void weight_place_split(const struct weight_place *p, int k, const float *values, float *part) {
    const float *rows = values + k * p->rows * p->width;
    if (p->transposed)
        transpose(rows, part, p->rows, p->width);
    else
        memcpy(part, rows, (size_t)(p->rows * p->width) * sizeof *part);
}
