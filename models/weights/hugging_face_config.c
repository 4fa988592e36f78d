#include "models/weights/hugging_face_config.h"

#include "pipeline/base/json_write.h"

#include <string.h>

/* One transformer of a config, with the defaults of its class. */
struct tower_config {
    int64_t width, hidden, layers, heads;
    int64_t image_size, patch;   /* of an image tower */
    int64_t context, vocabulary; /* of a text tower */
    double epsilon;
    const char *activation;
};

struct model_config {
    struct tower_config image, text; /* text.layers 0: none */
    int64_t joint;
};

static enum status optional_int(const struct json *o, const char *name, int64_t *out,
                                struct error *e) {
    const struct json *member = json_find(o, name);
    return member && member->kind != JSON_NULL ? json_as_int(member, 1, 1 << 24, out, e)
                                               : STATUS_OK;
}

static enum status optional_text(const struct json *o, const char *name, const char **out,
                                 struct error *e) {
    const struct json *member = json_find(o, name);
    return member && member->kind != JSON_NULL ? json_as_text(member, out, e) : STATUS_OK;
}

static enum status read_tower(struct tower_config *t, const struct json *o, struct error *e) {
    enum status rc = STATUS_OK;
    const struct json *epsilon = json_find(o, "layer_norm_eps");
    TRY(optional_int(o, "hidden_size", &t->width, e));
    TRY(optional_int(o, "intermediate_size", &t->hidden, e));
    TRY(optional_int(o, "num_hidden_layers", &t->layers, e));
    TRY(optional_int(o, "num_attention_heads", &t->heads, e));
    TRY(optional_int(o, "image_size", &t->image_size, e));
    TRY(optional_int(o, "patch_size", &t->patch, e));
    TRY(optional_int(o, "max_position_embeddings", &t->context, e));
    TRY(optional_int(o, "vocab_size", &t->vocabulary, e));
    TRY(optional_text(o, "hidden_act", &t->activation, e));
    if (epsilon) TRY(json_as_double(epsilon, 1e-12, 1, &t->epsilon, e));
done:
    return rc;
}

/* "text_config", or the older "text_config_dict", which transformers prefers if both exist. */
static const struct json *tower_of(const struct json *config, const char *name, const char *older) {
    const struct json *dict = json_find(config, older);
    return dict && dict->kind == JSON_OBJECT ? dict : json_find(config, name);
}

static enum status read_pair(struct model_config *m, const struct json *config, struct error *e) {
    enum status rc = STATUS_OK;
    TRY(read_tower(&m->image, tower_of(config, "vision_config", "vision_config_dict"), e));
    TRY(read_tower(&m->text, tower_of(config, "text_config", "text_config_dict"), e));
    if (strcmp(m->image.activation, m->text.activation))
        TRY(json_fail(config, e, STATUS_UNSUPPORTED,
                      "hidden_act %s of the image tower, %s of the text tower; expected the same",
                      m->image.activation, m->text.activation));
    if (m->image.epsilon != m->text.epsilon)
        TRY(json_fail(
            config, e, STATUS_UNSUPPORTED,
            "layer_norm_eps %g of the image tower, %g of the text tower; expected the same",
            m->image.epsilon, m->text.epsilon));
done:
    return rc;
}

/* --- Common to all models --- */

static void write_member(struct json_writer *w, const char *name, const char *json) {
    json_write_name(w, name);
    json_write_raw(w, json);
}

static void write_int(struct json_writer *w, const char *name, int64_t value) {
    json_write_name(w, name);
    json_write_int(w, value);
}

/* The reader rounds width times ratio down to a whole hidden layer. */
static void write_tower(struct json_writer *w, const struct tower_config *t) {
    write_int(w, "width", t->width);
    write_int(w, "layers", t->layers);
    if (t->hidden == 4 * t->width) return;
    json_write_name(w, "mlp_ratio");
    json_write_double(w, ((double)t->hidden + 0.5) / (double)t->width);
}

static void write_image(struct json_writer *w, const struct tower_config *t) {
    write_int(w, "image_size", t->image_size);
    write_int(w, "patch_size", t->patch);
    write_int(w, "head_width", t->width / t->heads);
    write_tower(w, t);
}

static void write_text(struct json_writer *w, const struct tower_config *t) {
    write_int(w, "context_length", t->context);
    write_int(w, "vocab_size", t->vocabulary);
    write_int(w, "heads", t->heads);
    write_tower(w, t);
}

static enum status write_activation(struct json_writer *w, const struct tower_config *t,
                                    const struct json *config, struct error *e) {
    if (!strcmp(t->activation, "quick_gelu"))
        write_member(w, "quick_gelu", "true");
    else if (!strcmp(t->activation, "gelu_pytorch_tanh") || !strcmp(t->activation, "gelu_new"))
        write_member(w, "gelu_tanh", "true");
    else if (strcmp(t->activation, "gelu"))
        return json_fail(config, e, STATUS_UNSUPPORTED,
                         "hidden_act %s; expected quick_gelu, gelu or gelu_pytorch_tanh",
                         t->activation);
    return STATUS_OK;
}

static void write_colour(struct json_writer *w, const char *name, const struct json *given,
                         const char *preset) {
    json_write_name(w, name);
    if (given)
        json_write_value(w, given);
    else
        json_write_raw(w, preset);
}

/* mean and std of the preprocessor, or the defaults of its class. */
static void write_colours(struct json_writer *w, const struct json *preprocessor, const char *mean,
                          const char *deviation) {
    write_colour(w, "mean", json_find(preprocessor, "image_mean"), mean);
    write_colour(w, "std", json_find(preprocessor, "image_std"), deviation);
}

/* --- Models --- */

static enum status write_clip(struct json_writer *w, const struct json *config,
                              const struct json *preprocessor, struct error *e) {
    enum status rc = STATUS_OK;
    struct model_config m = {.joint = 512,
                             .image = {.width = 768,
                                       .hidden = 3072,
                                       .layers = 12,
                                       .heads = 12,
                                       .image_size = 224,
                                       .patch = 32,
                                       .epsilon = 1e-5,
                                       .activation = "quick_gelu"},
                             .text = {.width = 512,
                                      .hidden = 2048,
                                      .layers = 12,
                                      .heads = 8,
                                      .context = 77,
                                      .vocabulary = 49408,
                                      .epsilon = 1e-5,
                                      .activation = "quick_gelu"}};
    TRY(optional_int(config, "projection_dim", &m.joint, e));
    TRY(read_pair(&m, config, e));
    write_int(w, "embed_dim", m.joint);
    TRY(write_activation(w, &m.image, config, e));
    json_write_name(w, "norm_eps");
    json_write_double(w, m.image.epsilon);
    write_colours(w, preprocessor, "[0.48145466, 0.4578275, 0.40821073]",
                  "[0.26862954, 0.26130258, 0.27577711]");
    json_write_name(w, "vision_cfg");
    json_write_object_begin(w);
    write_image(w, &m.image);
    json_write_object_end(w);
    json_write_name(w, "text_cfg");
    json_write_object_begin(w);
    write_text(w, &m.text);
    json_write_object_end(w);
done:
    return rc;
}

static enum status write_siglip(struct json_writer *w, const struct json *config,
                                const struct json *preprocessor, struct error *e) {
    enum status rc = STATUS_OK;
    struct model_config m = {.image = {.width = 768,
                                       .hidden = 3072,
                                       .layers = 12,
                                       .heads = 12,
                                       .image_size = 224,
                                       .patch = 16,
                                       .epsilon = 1e-6,
                                       .activation = "gelu_pytorch_tanh"},
                             .text = {.width = 768,
                                      .hidden = 3072,
                                      .layers = 12,
                                      .heads = 12,
                                      .context = 64,
                                      .vocabulary = 32000,
                                      .epsilon = 1e-6,
                                      .activation = "gelu_pytorch_tanh"}};
    TRY(read_pair(&m, config, e));
    write_int(w, "embed_dim", m.image.width);
    TRY(write_activation(w, &m.image, config, e));
    json_write_name(w, "norm_eps");
    json_write_double(w, m.image.epsilon);
    write_colours(w, preprocessor, "[0.5, 0.5, 0.5]", "[0.5, 0.5, 0.5]");
    write_member(w, "init_logit_scale", "2.302585093");
    write_member(w, "init_logit_bias", "-10");
    json_write_name(w, "vision_cfg");
    json_write_object_begin(w);
    write_image(w, &m.image);
    write_member(w, "no_ln_pre", "true");
    write_member(w, "patch_bias", "true");
    write_member(w, "class_token", "false");
    write_member(w, "pool_type", "\"map\"");
    write_member(w, "proj_type", "\"none\"");
    json_write_object_end(w);
    json_write_name(w, "text_cfg");
    json_write_object_begin(w);
    write_text(w, &m.text);
    write_member(w, "no_causal_mask", "true");
    write_member(w, "pool_type", "\"last\"");
    write_member(w, "proj_bias", "true");
    json_write_object_end(w);
done:
    return rc;
}

/* ViTModel, the form in which DINO is published, and Dinov2Model, with or without registers. */
static enum status write_vit(struct json_writer *w, const struct json *config,
                             const struct json *preprocessor, struct error *e) {
    enum status rc = STATUS_OK;
    const char *type = "";
    struct tower_config t = {.width = 768,
                             .hidden = 3072,
                             .layers = 12,
                             .heads = 12,
                             .image_size = 224,
                             .patch = 16,
                             .activation = "gelu"};
    int64_t ratio = 4, registers = 4;
    const struct json *gated = json_find(config, "use_swiglu_ffn");
    const struct json *bias = json_find(config, "qkv_bias");
    TRY(json_text(config, "model_type", &type, e));
    const bool is_dinov2 = strcmp(type, "vit") != 0;
    t.epsilon = is_dinov2 ? 1e-6 : 1e-12;
    if (bias && bias->kind == JSON_BOOL && !bias->boolean)
        TRY(json_fail(bias, e, STATUS_UNSUPPORTED, "blocks without qkv_bias; expected biases"));
    if (gated && gated->kind == JSON_BOOL && gated->boolean)
        TRY(json_fail(gated, e, STATUS_UNSUPPORTED,
                      "SwiGLU blocks; expected the plain MLP of the small, base and large models"));
    TRY(read_tower(&t, config, e));
    TRY(optional_int(config, "mlp_ratio", &ratio, e));
    TRY(optional_int(config, "num_register_tokens", &registers, e));
    if (is_dinov2) t.hidden = ratio * t.width;
    write_int(w, "embed_dim", t.width);
    TRY(write_activation(w, &t, config, e));
    json_write_name(w, "norm_eps");
    json_write_double(w, t.epsilon);
    if (is_dinov2)
        write_colours(w, preprocessor, "[0.485, 0.456, 0.406]", "[0.229, 0.224, 0.225]");
    else
        write_colours(w, preprocessor, "[0.5, 0.5, 0.5]", "[0.5, 0.5, 0.5]");
    json_write_name(w, "vision_cfg");
    json_write_object_begin(w);
    write_image(w, &t);
    write_member(w, "no_ln_pre", "true");
    write_member(w, "patch_bias", "true");
    write_member(w, "proj_type", "\"none\"");
    if (is_dinov2) write_member(w, "ls_init_value", "1e-5");
    if (!strcmp(type, "dinov2_with_registers")) write_int(w, "reg_tokens", registers);
    json_write_object_end(w);
done:
    return rc;
}

enum status hugging_face_config_translate(const struct json *config,
                                          const struct json *preprocessor, struct text *out,
                                          struct error *e) {
    static const struct {
        const char *type;
        enum status (*write)(struct json_writer *, const struct json *, const struct json *,
                             struct error *);
    } models[] = {{"clip", write_clip},
                  {"siglip", write_siglip},
                  {"vit", write_vit},
                  {"dinov2", write_vit},
                  {"dinov2_with_registers", write_vit}};
    enum status rc = STATUS_OK;
    struct json_writer w = {0};
    const char *type = "";
    size_t i = 0;
    TRY(json_expect(config, JSON_OBJECT, e));
    TRY(json_text(config, "model_type", &type, e));
    while (i < sizeof models / sizeof *models && strcmp(models[i].type, type)) i++;
    if (i == sizeof models / sizeof *models)
        TRY(json_fail(config, e, STATUS_UNSUPPORTED,
                      "model_type %s; expected clip, siglip, vit, dinov2 or dinov2_with_registers",
                      type));
    json_write_object_begin(&w);
    TRY(models[i].write(&w, config, preprocessor, e));
    json_write_object_end(&w);
    TRY(text_check(&w.text, e));
    text_append(out, text_string(&w.text));
    TRY(text_check(out, e));
done:
    text_release(&w.text);
    return rc;
}
