#include "models/clip/architecture.h"

#include "pipeline/base/json.h"
#include "pipeline/base/text.h"

#include <stdio.h>
#include <string.h>

/* An optional member that is a whole number in [1, max]. */
static enum status optional_int(const struct json *object, const char *name, int64_t max, int *out,
                                struct error *e) {
    int64_t value = *out;
    const struct json *member = json_find(object, name);
    if (!member) return STATUS_OK;
    const enum status rc = json_as_int(member, 1, max, &value, e);
    *out = (int)value;
    return rc;
}

static enum status required_int(const struct json *object, const char *name, int64_t max, int *out,
                                struct error *e) {
    int64_t value = 0;
    const int64_t min = strcmp(name, "context_length") ? 1 : 2; /* start and end */
    const enum status rc = json_int(object, name, min, max, &value, e);
    *out = (int)value;
    return rc;
}

static enum status optional_bool(const struct json *object, const char *name, bool *out,
                                 struct error *e) {
    const struct json *member = json_find(object, name);
    return member ? json_as_bool(member, out, e) : STATUS_OK;
}

static enum status optional_float(const struct json *object, const char *name, double min,
                                  double max, float *out, struct error *e) {
    double value = *out;
    const struct json *member = json_find(object, name);
    if (!member) return STATUS_OK;
    const enum status rc = json_as_double(member, min, max, &value, e);
    *out = (float)value;
    return rc;
}

/* An optional member that is one of two words; *second: whether it is the second. */
static enum status optional_word(const struct json *object, const char *name, const char *first,
                                 const char *other, bool *second, struct error *e) {
    enum status rc = STATUS_OK;
    const char *word;
    const struct json *member = json_find(object, name);
    if (!member) return rc;
    TRY(json_as_text(member, &word, e));
    *second = !strcmp(word, other);
    if (!*second && strcmp(word, first))
        TRY(json_fail(member, e, STATUS_BAD_ARG, "expected \"%s\" or \"%s\", found \"%s\"", first,
                      other, word));
done:
    return rc;
}

/* An optional list of three numbers in [least, 1]: red, green and blue. */
static enum status optional_colour(const struct json *object, const char *name, double least,
                                   float out[3], struct error *e) {
    enum status rc = STATUS_OK;
    const struct json *list = json_find(object, name);
    if (!list) return rc;
    TRY(json_expect(list, JSON_LIST, e));
    if (list->n != 3)
        TRY(json_fail(list, e, STATUS_BAD_ARG, "expected 3 numbers, found %d", (int)list->n));
    for (const struct json *item = list->first; item; item = item->next) {
        double value;
        TRY(json_as_double(item, least, 1, &value, e));
        *out++ = (float)value;
    }
done:
    return rc;
}

/* Reads the fields common to both towers; other: the second of the two pools. */
static enum status read_tower(struct tower_shape *s, const struct json *o, const char *pool,
                              enum tower_pool other, const char *other_pool, struct error *e) {
    enum status rc = STATUS_OK;
    float mlp_ratio = 4;
    bool is_other = false, no_projection = false;
    TRY(required_int(o, "width", 16384, &s->width, e));
    TRY(required_int(o, "layers", 256, &s->layers, e));
    TRY(optional_float(o, "mlp_ratio", 0.01, 64, &mlp_ratio, e));
    TRY(optional_float(o, "ls_init_value", 1e-30, 1e3, &s->layer_scale, e));
    TRY(optional_word(o, "pool_type", pool, other_pool, &is_other, e));
    TRY(optional_word(o, "proj_type", "linear", "none", &no_projection, e));
    s->hidden = (int)((float)s->width * mlp_ratio);
    s->pool = is_other ? other : TOWER_POOL_TOKEN;
    s->has_projection = !no_projection;
    if (s->hidden < 1)
        TRY(json_fail(o, e, STATUS_BAD_ARG, "mlp_ratio %g leaves no hidden layer; raise it",
                      (double)mlp_ratio));
done:
    return rc;
}

static enum status read_image(struct architecture *a, const struct json *o, struct error *e) {
    static const char *const names[] = {"image_size", "patch_size",  "width",      "layers",
                                        "head_width", "mlp_ratio",   "no_ln_pre",  "ls_init_value",
                                        "pool_type",  "class_token", "reg_tokens", "patch_bias",
                                        "proj_type"};
    enum status rc = STATUS_OK;
    struct tower_shape *s = &a->tower[TOWER_IMAGE];
    int head_width = 64;
    bool no_pre_norm = false;
    a->has_class_token = true;
    TRY(json_check_names(o, names, sizeof names / sizeof *names, e));
    TRY(required_int(o, "image_size", 4096, &a->image_size, e));
    TRY(required_int(o, "patch_size", 256, &a->patch, e));
    TRY(read_tower(s, o, "tok", TOWER_POOL_ATTENTION, "map", e));
    TRY(optional_int(o, "head_width", 1024, &head_width, e));
    TRY(optional_bool(o, "no_ln_pre", &no_pre_norm, e));
    TRY(optional_bool(o, "class_token", &a->has_class_token, e));
    TRY(optional_bool(o, "patch_bias", &a->has_patch_bias, e));
    TRY(optional_int(o, "reg_tokens", 64, &a->registers, e));
    a->has_pre_norm = !no_pre_norm;
    if (a->image_size % a->patch)
        TRY(json_fail(o, e, STATUS_BAD_ARG, "image_size %d; expected a multiple of patch_size %d",
                      a->image_size, a->patch));
    if (s->width % head_width)
        TRY(json_fail(o, e, STATUS_BAD_ARG,
                      "width %d; expected a multiple of head_width %d; set head_width", s->width,
                      head_width));
    if (!a->has_class_token && s->pool == TOWER_POOL_TOKEN)
        TRY(json_fail(o, e, STATUS_BAD_ARG,
                      "class_token is false but pool_type is \"tok\", the class token; set "
                      "pool_type to \"map\""));
    s->heads = s->width / head_width;
    s->tokens = architecture_patches(a) + a->has_class_token + a->registers;
done:
    return rc;
}

static enum status read_text(struct architecture *a, const struct json *o, struct error *e) {
    static const char *const names[] = {
        "context_length", "vocab_size",     "width",     "heads",     "layers",   "mlp_ratio",
        "ls_init_value",  "no_causal_mask", "pool_type", "proj_type", "proj_bias"};
    enum status rc = STATUS_OK;
    struct tower_shape *s = &a->tower[TOWER_TEXT];
    bool no_mask = false;
    TRY(json_check_names(o, names, sizeof names / sizeof *names, e));
    TRY(required_int(o, "context_length", 4096, &a->context, e));
    TRY(required_int(o, "vocab_size", 1 << 24, &a->vocabulary, e));
    TRY(read_tower(s, o, "argmax", TOWER_POOL_LAST, "last", e));
    TRY(required_int(o, "heads", 1024, &s->heads, e));
    TRY(optional_bool(o, "no_causal_mask", &no_mask, e));
    TRY(optional_bool(o, "proj_bias", &s->has_projection_bias, e));
    s->is_causal = !no_mask;
    if (s->width % s->heads)
        TRY(json_fail(o, e, STATUS_BAD_ARG, "width %d; expected a multiple of heads %d", s->width,
                      s->heads));
    if (!s->is_causal && s->pool != TOWER_POOL_LAST)
        TRY(json_fail(o, e, STATUS_BAD_ARG,
                      "no_causal_mask with the end token's pool would see the padding; set "
                      "pool_type to \"last\""));
    s->tokens = a->context;
done:
    return rc;
}

static enum status check_width(const struct architecture *a, const struct json *root,
                               enum tower tower, struct error *e) {
    const struct tower_shape *s = &a->tower[tower];
    if (s->layers == 0 || s->has_projection || s->width == a->joint) return STATUS_OK;
    return json_fail(root, e, STATUS_BAD_ARG,
                     "embed_dim %d; expected the width %d of the %s tower, which has no projection",
                     a->joint, s->width, tower == TOWER_IMAGE ? "image" : "text");
}

enum status architecture_from_json(struct architecture *a, const struct json *root,
                                   const char *name, struct error *e) {
    static const char *const names[] = {
        "embed_dim",       "mean",      "std",      "quick_gelu",
        "gelu_tanh",       "norm_eps",  "text_cfg", "init_logit_scale",
        "init_logit_bias", "vision_cfg"};
    enum status rc = STATUS_OK;
    const struct json *image, *text = json_find(root, "text_cfg");
    bool quick_gelu = false, gelu_tanh = false;
    *a = (struct architecture){.norm_epsilon = 1e-5f,
                               .logit_scale = 2.65926004f, /* ln(1 / 0.07) */
                               .mean = {0.48145466f, 0.4578275f, 0.40821073f},
                               .deviation = {0.26862954f, 0.26130258f, 0.27577711f}};
    snprintf(a->name, sizeof a->name, "%s", name);
    TRY(json_expect(root, JSON_OBJECT, e));
    TRY(json_check_names(root, names, sizeof names / sizeof *names, e));
    TRY(required_int(root, "embed_dim", 16384, &a->joint, e));
    TRY(optional_bool(root, "quick_gelu", &quick_gelu, e));
    TRY(optional_bool(root, "gelu_tanh", &gelu_tanh, e));
    if (quick_gelu && gelu_tanh)
        TRY(json_fail(root, e, STATUS_BAD_ARG,
                      "quick_gelu and gelu_tanh; expected at most one of them"));
    a->activation = quick_gelu  ? ACTIVATION_QUICK_GELU
                    : gelu_tanh ? ACTIVATION_GELU_TANH
                                : ACTIVATION_GELU;
    TRY(optional_float(root, "norm_eps", 1e-12, 1, &a->norm_epsilon, e));
    TRY(optional_float(root, "init_logit_scale", -20, 20, &a->logit_scale, e));
    TRY(optional_float(root, "init_logit_bias", -1000, 1000, &a->logit_bias, e));
    a->has_logit_bias = json_find(root, "init_logit_bias") != NULL;
    TRY(optional_colour(root, "mean", 0, a->mean, e));
    TRY(optional_colour(root, "std", 1e-3, a->deviation, e));
    TRY(json_member(root, "vision_cfg", &image, e));
    TRY(read_image(a, image, e));
    if (text) TRY(read_text(a, text, e));
    TRY(check_width(a, root, TOWER_IMAGE, e));
    TRY(check_width(a, root, TOWER_TEXT, e));
done:
    return rc;
}

static enum status not_found(const char *name, struct error *e) {
    enum status rc;
    struct text names = {0};
    const char *meant = NULL;
    for (int i = 0; i < n_architecture_configs; i++) {
        const char *known = architecture_configs[i].name;
        text_printf(&names, "%s%s", i ? ", " : "", known);
        if (!meant && text_distance(name, known) == 1) meant = known;
    }
    rc = fail(e, STATUS_NOT_FOUND,
              "architecture %s; expected one of %s, or the path of a .json file in open_clip's "
              "model_configs format%s%s%s",
              name, text_string(&names), meant ? "; did you mean '" : "", meant ? meant : "",
              meant ? "'?" : "");
    text_release(&names);
    return rc;
}

enum status architecture_find(struct architecture *a, const char *name, struct error *e) {
    enum status rc = STATUS_OK;
    struct json_document *d = NULL;
    int i = 0;
    if (text_ends_with(name, ".json")) return architecture_read(a, name, e);
    while (i < n_architecture_configs && strcmp(architecture_configs[i].name, name)) i++;
    if (i == n_architecture_configs) return not_found(name, e);
    const char *text = architecture_configs[i].text;
    TRY(json_parse(&d, text, strlen(text), name, e));
    TRY(architecture_from_json(a, json_root(d), name, e));
done:
    json_destroy(&d);
    return rc;
}
