#include "models/architecture.h"

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

static enum status read_image(struct architecture *a, const struct json *o, struct error *e) {
    static const char *const names[] = {"image_size", "patch_size", "width", "layers",
                                        "head_width"};
    enum status rc = STATUS_OK;
    struct tower_shape *s = &a->tower[TOWER_IMAGE];
    int head_width = 64;
    TRY(json_check_names(o, names, 5, e));
    TRY(required_int(o, "image_size", 4096, &a->image_size, e));
    TRY(required_int(o, "patch_size", 256, &a->patch, e));
    TRY(required_int(o, "width", 16384, &s->width, e));
    TRY(required_int(o, "layers", 256, &s->layers, e));
    TRY(optional_int(o, "head_width", 1024, &head_width, e));
    if (a->image_size % a->patch)
        TRY(json_fail(o, e, STATUS_BAD_ARG, "image_size %d; expected a multiple of patch_size %d",
                      a->image_size, a->patch));
    if (s->width % head_width)
        TRY(json_fail(o, e, STATUS_BAD_ARG,
                      "width %d; expected a multiple of head_width %d; set head_width", s->width,
                      head_width));
    s->heads = s->width / head_width;
    s->tokens = (a->image_size / a->patch) * (a->image_size / a->patch) + 1;
done:
    return rc;
}

static enum status read_text(struct architecture *a, const struct json *o, struct error *e) {
    static const char *const names[] = {"context_length", "vocab_size", "width", "heads", "layers"};
    enum status rc = STATUS_OK;
    struct tower_shape *s = &a->tower[TOWER_TEXT];
    TRY(json_check_names(o, names, 5, e));
    TRY(required_int(o, "context_length", 4096, &a->context, e));
    TRY(required_int(o, "vocab_size", 1 << 24, &a->vocabulary, e));
    TRY(required_int(o, "width", 16384, &s->width, e));
    TRY(required_int(o, "layers", 256, &s->layers, e));
    TRY(required_int(o, "heads", 1024, &s->heads, e));
    if (s->width % s->heads)
        TRY(json_fail(o, e, STATUS_BAD_ARG, "width %d; expected a multiple of heads %d", s->width,
                      s->heads));
    s->tokens = a->context;
done:
    return rc;
}

enum status architecture_from_json(struct architecture *a, const struct json *root,
                                   const char *name, struct error *e) {
    static const char *const names[] = {"embed_dim", "quick_gelu", "vision_cfg", "text_cfg"};
    enum status rc = STATUS_OK;
    const struct json *image, *text;
    *a = (struct architecture){.mean = {0.48145466f, 0.4578275f, 0.40821073f},
                               .deviation = {0.26862954f, 0.26130258f, 0.27577711f}};
    snprintf(a->name, sizeof a->name, "%s", name);
    TRY(json_expect(root, JSON_OBJECT, e));
    TRY(json_check_names(root, names, 4, e));
    TRY(required_int(root, "embed_dim", 16384, &a->joint, e));
    if (json_find(root, "quick_gelu"))
        TRY(json_as_bool(json_find(root, "quick_gelu"), &a->quick_gelu, e));
    TRY(json_member(root, "vision_cfg", &image, e));
    TRY(json_member(root, "text_cfg", &text, e));
    TRY(read_image(a, image, e));
    TRY(read_text(a, text, e));
done:
    return rc;
}

static enum status not_found(const char *name, struct error *e) {
    enum status rc;
    struct text names = {0};
    for (int i = 0; i < n_architecture_configs; i++)
        text_printf(&names, "%s%s", i ? ", " : "", architecture_configs[i].name);
    rc = fail(e, STATUS_NOT_FOUND,
              "architecture %s; expected one of %s, or the path of a .json file in open_clip's "
              "model_configs format",
              name, text_string(&names));
    text_release(&names);
    return rc;
}

enum status architecture_find(struct architecture *a, const char *name, struct error *e) {
    enum status rc = STATUS_OK;
    struct json_document *d = NULL;
    const size_t n = strlen(name);
    if (n > 5 && !strcmp(name + n - 5, ".json")) {
        const char *slash = strrchr(name, '/');
        char stem[64];
        snprintf(stem, sizeof stem, "%.*s", (int)(name + n - 5 - (slash ? slash + 1 : name)),
                 slash ? slash + 1 : name);
        TRY(json_read(&d, name, 0, e));
        TRY(architecture_from_json(a, json_root(d), stem, e));
    } else {
        int i = 0;
        while (i < n_architecture_configs && strcmp(architecture_configs[i].name, name)) i++;
        if (i == n_architecture_configs) return not_found(name, e);
        const char *text = architecture_configs[i].text;
        TRY(json_parse(&d, text, strlen(text), name, e));
        TRY(architecture_from_json(a, json_root(d), name, e));
    }
done:
    json_destroy(&d);
    return rc;
}
