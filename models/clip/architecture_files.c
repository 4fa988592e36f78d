/* The functions of architecture.h that read the files beside weights. */
#include "models/clip/architecture.h"

#include "models/weights/hugging_face_config.h"
#include "pipeline/base/file.h"
#include "pipeline/base/json_write.h"
#include "pipeline/base/log.h"

#include <stdio.h>
#include <string.h>

/* --- How pictures are prepared --- */

static bool is_text(const struct json *value, const char *text) {
    return value && value->kind == JSON_TEXT && !strcmp(value->text, text);
}

static int64_t integer_of(const struct json *value) {
    return value && value->kind == JSON_NUMBER ? value->integer : 0;
}

static void warn_of_preparation(const char *path, const char *what) {
    log_warning("%s: %s; here the shorter side of a picture is scaled to the model's size by "
                "bicubic and the middle is cut out, so features differ",
                path, what);
}

static void check_open_clip_pixels(const char *path, const struct json *pixels) {
    const struct json *how = json_find(pixels, "interpolation");
    const struct json *mode = json_find(pixels, "resize_mode");
    if (how && !is_text(how, "bicubic")) warn_of_preparation(path, "interpolation is not bicubic");
    if (mode && !is_text(mode, "shortest"))
        warn_of_preparation(path, "resize_mode is not shortest");
}

static void check_hugging_face_pixels(const char *path, const struct json *pixels) {
    const struct json *how = json_find(pixels, "resample"), *size = json_find(pixels, "size");
    const struct json *cut = json_find(pixels, "do_center_crop"),
                      *part = json_find(pixels, "crop_size");
    const bool is_cut = cut && cut->kind == JSON_BOOL && cut->boolean;
    const int64_t shorter =
        integer_of(size) ? integer_of(size) : integer_of(json_find(size, "shortest_edge"));
    const int64_t middle =
        integer_of(part) ? integer_of(part) : integer_of(json_find(part, "height"));
    if (how && integer_of(how) != 3) warn_of_preparation(path, "resample is not 3, bicubic");
    if (json_find(size, "height") && !is_cut)
        warn_of_preparation(path, "pictures are stretched to a square");
    else if (is_cut && shorter && middle && shorter != middle)
        warn_of_preparation(path, "pictures are scaled to another size than is cut out");
}

/* --- Reading one file --- */

/* open_clip_config.json: the model in open_clip's words, and how pictures are prepared. Fields
 * about tensor names are ignored; the tensors tell. */
static enum status translate_open_clip(const char *path, const struct json *root, struct text *out,
                                       struct error *e) {
    static const char *const left_out[] = {"custom_text", "force_custom_text", "hf_model_name"};
    enum status rc = STATUS_OK;
    struct json_writer w = {0};
    const struct json *model = NULL, *pixels = json_find(root, "preprocess_cfg");
    TRY(json_member(root, "model_cfg", &model, e));
    TRY(json_expect(model, JSON_OBJECT, e));
    check_open_clip_pixels(path, pixels);
    json_write_object_begin(&w);
    for (const struct json *c = model->first; c; c = c->next) {
        size_t i = 0;
        while (i < sizeof left_out / sizeof *left_out && strcmp(left_out[i], c->name)) i++;
        if (i < sizeof left_out / sizeof *left_out) continue;
        json_write_name(&w, c->name);
        json_write_value(&w, c);
    }
    for (const struct json *c = pixels ? pixels->first : NULL; c; c = c->next) {
        if (strcmp(c->name, "mean") && strcmp(c->name, "std")) continue;
        json_write_name(&w, c->name);
        json_write_value(&w, c);
    }
    json_write_object_end(&w);
    TRY(text_check(&w.text, e));
    text_append(out, text_string(&w.text));
done:
    text_release(&w.text);
    return rc;
}

static enum status translate_hugging_face(const char *path, const struct json *root,
                                          struct text *out, struct error *e) {
    enum status rc = STATUS_OK;
    struct json_document *d = NULL;
    char folder[FILE_PATH_MAX], preprocessor[FILE_PATH_MAX];
    TRY(file_parent(folder, path, e));
    TRY(file_join(preprocessor, folder, "preprocessor_config.json", e));
    if (file_exists(preprocessor)) TRY(json_read(&d, preprocessor, 0, e));
    if (d) check_hugging_face_pixels(preprocessor, json_root(d));
    TRY(hugging_face_config_translate(root, d ? json_root(d) : NULL, out, e));
done:
    json_destroy(&d);
    return rc;
}

/* The file's name, or the folder's where that is only "config" or the like. */
static void name_of(char out[64], const char *path) {
    char folder[FILE_PATH_MAX];
    const char *base = file_base_name(path);
    if ((!strcmp(base, "config.json") || !strcmp(base, "open_clip_config.json")) &&
        file_parent(folder, path, NULL) == STATUS_OK && strcmp(folder, "."))
        snprintf(out, 64, "%s", file_base_name(folder));
    else
        snprintf(out, 64, "%.*s", (int)(strlen(base) - strlen(".json")), base);
}

enum status architecture_read(struct architecture *a, const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    struct json_document *d = NULL, *translated = NULL;
    struct text text = {0};
    char name[64];
    TRY(json_read(&d, path, 0, e));
    const struct json *root = json_root(d);
    name_of(name, path);
    if (json_find(root, "model_type"))
        TRY(translate_hugging_face(path, root, &text, e));
    else if (json_find(root, "model_cfg"))
        TRY(translate_open_clip(path, root, &text, e));
    if (text.n) {
        TRY(json_parse(&translated, text_string(&text), text.n, path, e));
        root = json_root(translated);
    }
    TRY(architecture_from_json(a, root, name, e));
done:
    text_release(&text);
    json_destroy(&translated);
    json_destroy(&d);
    return rc;
}

/* --- Finding it --- */

static bool is_in(const char *folder, const char *name) {
    char path[FILE_PATH_MAX];
    return file_join(path, folder, name, NULL) == STATUS_OK && file_exists(path);
}

/* Finds the configuration beside the file that weight_files_open would open; "" when there is
 * none. */
static enum status find_beside(char out[FILE_PATH_MAX], const char *weights, struct error *e) {
    static const char *const names[] = {"config.json", "open_clip_config.json", "config.json"};
    enum status rc = STATUS_OK;
    char folder[FILE_PATH_MAX];
    bool is_open_clip;
    if (file_is_folder(weights)) {
        TRY(file_join(folder, weights, "", e));
        is_open_clip =
            !is_in(weights, "model.safetensors") && !is_in(weights, "model.safetensors.index.json");
    } else {
        TRY(file_parent(folder, weights, e));
        is_open_clip = text_starts_with(file_base_name(weights), "open_clip");
    }
    for (int i = 0; i < 2; i++) {
        TRY(file_join(out, folder, names[i + is_open_clip], e));
        if (file_exists(out)) return STATUS_OK;
    }
    out[0] = 0;
done:
    return rc;
}

/* --- Choosing --- */

/* Checks the settings that no tensor's shape shows. */
static enum status agree(const struct architecture *asked, const struct architecture *beside,
                         const char *path, struct error *e) {
    if (asked->activation != beside->activation)
        return fail(
            e, STATUS_BAD_ARG,
            "architecture %s computes with %s, but %s says %s; the activation goes with the "
            "weights: leave model.architecture out or name one that has it",
            asked->name, activation_word(asked->activation), path,
            activation_word(beside->activation));
    if (asked->norm_epsilon != beside->norm_epsilon)
        return fail(e, STATUS_BAD_ARG,
                    "architecture %s has norm_eps %g, but %s says %g; leave model.architecture out",
                    asked->name, (double)asked->norm_epsilon, path, (double)beside->norm_epsilon);
    for (int i = 0; i < TOWER_COUNT; i++)
        if (asked->tower[i].width == beside->tower[i].width &&
            asked->tower[i].heads != beside->tower[i].heads)
            return fail(e, STATUS_BAD_ARG,
                        "architecture %s has %d attention heads, but %s says %d; leave "
                        "model.architecture out",
                        asked->name, asked->tower[i].heads, path, beside->tower[i].heads);
    return STATUS_OK;
}

enum status architecture_choose(struct architecture *a, const char *asked, const char *weights,
                                struct error *e) {
    enum status rc = STATUS_OK;
    char path[FILE_PATH_MAX] = "";
    struct architecture beside;
    struct error unreadable = {0};
    if (weights[0]) TRY(find_beside(path, weights, e));
    if (!asked[0]) {
        if (!path[0])
            TRY(fail(e, STATUS_BAD_ARG,
                     "model.architecture is missing%s%s%s; name one, such as ViT-B-32",
                     weights[0] ? ", and beside " : "", weights,
                     weights[0] ? " there is no config.json and no open_clip_config.json" : ""));
        return architecture_read(a, path, e);
    }
    rc = architecture_find(a, asked, e);
    if (rc == STATUS_NOT_FOUND) rc = STATUS_BAD_ARG; /* a wrong word in the recipe, not missing
                                                        data */
    if (rc != STATUS_OK) error_context(e, "model.architecture");
    if (rc != STATUS_OK || !path[0]) return rc;
    if (architecture_read(&beside, path, &unreadable) != STATUS_OK) {
        log_warning("%s; architecture %s is taken as it is", unreadable.text, a->name);
        return STATUS_OK;
    }
    TRY(agree(a, &beside, path, e));
    memcpy(a->mean, beside.mean, sizeof a->mean);
    memcpy(a->deviation, beside.deviation, sizeof a->deviation);
done:
    return rc;
}
