#include "models/weights/model_export.h"

#include "models/weights/weight_layout.h"
#include "pipeline/base/file.h"
#include "pipeline/base/json_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Configurations --- */

static void put_int(struct json_writer *w, const char *name, int64_t value) {
    json_write_name(w, name);
    json_write_int(w, value);
}

static void put_bool(struct json_writer *w, const char *name, bool value) {
    json_write_name(w, name);
    json_write_bool(w, value);
}

static void put_text(struct json_writer *w, const char *name, const char *value) {
    json_write_name(w, name);
    json_write_text(w, value);
}

static void put_float(struct json_writer *w, const char *name, float value) {
    json_write_name(w, name);
    json_write_float(w, value);
}

static void put_colour(struct json_writer *w, const char *name, const float value[3]) {
    json_write_name(w, name);
    json_write_list_begin(w);
    for (int i = 0; i < 3; i++) json_write_float(w, value[i]);
    json_write_list_end(w);
}

static void begin(struct json_writer *w, const char *name) {
    json_write_name(w, name);
    json_write_object_begin(w);
}

static void write_open_clip(struct json_writer *w, const struct architecture *a) {
    const struct tower_shape *image = &a->tower[TOWER_IMAGE], *text = &a->tower[TOWER_TEXT];
    json_write_object_begin(w);
    begin(w, "model_cfg");
    put_int(w, "embed_dim", a->joint);
    put_bool(w, "quick_gelu", a->activation == ACTIVATION_QUICK_GELU);
    begin(w, "vision_cfg");
    put_int(w, "image_size", a->image_size);
    put_int(w, "layers", image->layers);
    put_int(w, "width", image->width);
    put_int(w, "head_width", image->width / image->heads);
    put_int(w, "patch_size", a->patch);
    json_write_object_end(w);
    begin(w, "text_cfg");
    put_int(w, "context_length", a->context);
    put_int(w, "vocab_size", a->vocabulary);
    put_int(w, "width", text->width);
    put_int(w, "heads", text->heads);
    put_int(w, "layers", text->layers);
    json_write_object_end(w);
    json_write_object_end(w);
    begin(w, "preprocess_cfg");
    put_colour(w, "mean", a->mean);
    put_colour(w, "std", a->deviation);
    put_text(w, "interpolation", "bicubic");
    put_text(w, "resize_mode", "shortest");
    json_write_object_end(w);
    json_write_object_end(w);
}

static void write_hugging_face_tower(struct json_writer *w, const struct architecture *a,
                                     const struct tower_shape *s) {
    put_int(w, "hidden_size", s->width);
    put_int(w, "intermediate_size", s->hidden);
    put_int(w, "num_hidden_layers", s->layers);
    put_int(w, "num_attention_heads", s->heads);
    put_text(w, "hidden_act", a->activation == ACTIVATION_QUICK_GELU ? "quick_gelu" : "gelu");
    put_float(w, "layer_norm_eps", a->norm_epsilon);
    put_int(w, "projection_dim", a->joint);
}

/* The end token is the last id. CLIPModel pools its first occurrence, and its tokenizer pads with
 * it. */
static void write_hugging_face(struct json_writer *w, const struct architecture *a) {
    json_write_object_begin(w);
    json_write_name(w, "architectures");
    json_write_list_begin(w);
    json_write_text(w, "CLIPModel");
    json_write_list_end(w);
    put_text(w, "model_type", "clip");
    put_int(w, "projection_dim", a->joint);
    put_float(w, "logit_scale_init_value", a->logit_scale);
    begin(w, "text_config");
    put_text(w, "model_type", "clip_text_model");
    write_hugging_face_tower(w, a, &a->tower[TOWER_TEXT]);
    put_int(w, "vocab_size", a->vocabulary);
    put_int(w, "max_position_embeddings", a->context);
    put_int(w, "bos_token_id", a->vocabulary - 2);
    put_int(w, "eos_token_id", a->vocabulary - 1);
    put_int(w, "pad_token_id", a->vocabulary - 1);
    json_write_object_end(w);
    begin(w, "vision_config");
    put_text(w, "model_type", "clip_vision_model");
    write_hugging_face_tower(w, a, &a->tower[TOWER_IMAGE]);
    put_int(w, "image_size", a->image_size);
    put_int(w, "patch_size", a->patch);
    put_int(w, "num_channels", 3);
    json_write_object_end(w);
    json_write_object_end(w);
}

static void write_preprocessor(struct json_writer *w, const struct architecture *a) {
    json_write_object_begin(w);
    put_text(w, "image_processor_type", "CLIPImageProcessor");
    put_bool(w, "do_convert_rgb", true);
    put_bool(w, "do_resize", true);
    begin(w, "size");
    put_int(w, "shortest_edge", a->image_size);
    json_write_object_end(w);
    put_int(w, "resample", 3); /* bicubic */
    put_bool(w, "do_center_crop", true);
    begin(w, "crop_size");
    put_int(w, "height", a->image_size);
    put_int(w, "width", a->image_size);
    json_write_object_end(w);
    put_bool(w, "do_rescale", true);
    json_write_name(w, "rescale_factor");
    json_write_double(w, 1.0 / 255);
    put_bool(w, "do_normalize", true);
    put_colour(w, "image_mean", a->mean);
    put_colour(w, "image_std", a->deviation);
    json_write_object_end(w);
}

/* --- Formats --- */

typedef void (*config_writer)(struct json_writer *w, const struct architecture *a);
static const struct {
    const char *weights;
    const struct weight_layout *layout;
    struct {
        const char *name;
        config_writer write;
    } config[3]; /* ends with one without name */
} formats[] = {
    [EXPORT_OPEN_CLIP] = {"open_clip_model.safetensors",
                          &weight_layout_open_clip,
                          {{"open_clip_config.json", write_open_clip}}},
    [EXPORT_HUGGING_FACE] = {"model.safetensors",
                             &weight_layout_hugging_face_clip,
                             {{"config.json", write_hugging_face},
                              {"preprocessor_config.json", write_preprocessor}}},
};

static bool is_plain_tower(const struct tower_shape *s) {
    return s->pool == TOWER_POOL_TOKEN && s->has_projection && !s->has_projection_bias &&
           s->hidden == 4 * s->width && !(s->layer_scale > 0);
}

/* Whether both programs can express the model in the fields above. */
static bool is_clip(const struct architecture *a) {
    const struct tower_shape *image = &a->tower[TOWER_IMAGE], *text = &a->tower[TOWER_TEXT];
    return architecture_has_text(a) && is_plain_tower(image) && is_plain_tower(text) &&
           text->is_causal && !image->is_causal && a->has_class_token && a->has_pre_norm &&
           !a->has_patch_bias && a->registers == 0 && !a->has_logit_bias &&
           (a->activation == ACTIVATION_QUICK_GELU || a->activation == ACTIVATION_GELU) &&
           !(a->norm_epsilon < 0.99e-5f) && !(a->norm_epsilon > 1.01e-5f);
}

enum status model_export_check(const struct architecture *a, struct error *e) {
    if (is_clip(a)) return STATUS_OK;
    return fail(e, STATUS_UNSUPPORTED,
                "architecture %s: no CLIP, so neither open_clip's nor transformers' CLIP can load "
                "it; expected a CLIP with its two towers",
                a->name);
}

static enum status write_config(const char *folder, const char *name, config_writer write,
                                const struct architecture *a, struct error *e) {
    enum status rc = STATUS_OK;
    struct json_writer w = {.indent = 2};
    char path[FILE_PATH_MAX];
    write(&w, a);
    text_append_char(&w.text, '\n');
    TRY(text_check(&w.text, e));
    TRY(file_join(path, folder, name, e));
    TRY(file_write_all(path, text_string(&w.text), w.text.n, e));
done:
    text_release(&w.text);
    return rc;
}

/* --- Weights --- */

/* Tensors of the file; name[i] and part[i] belong together. The header sorts the tensors; their
 * names still point into name. */
struct writing {
    const struct model *model;
    const struct weight_layout *layout;
    const enum safetensors_type *type;
    int n;
    char (*name)[WEIGHT_NAME_MAX];
    struct {
        int parameter, k;
    } * part;
    struct safetensors_tensor *tensor;
    float *values, *rows; /* scratch for the largest parameter */
    void *bytes;
};

static void list_tensors(struct writing *w) {
    const struct parameters *p = &w->model->parameters;
    struct weight_place place;
    for (int i = 0; i < p->n; i++) {
        if (!parameter_is_base(&p->list[i])) continue;
        CHECK(weight_layout_place(w->layout, &p->list[i], &place));
        for (int k = 0; k < place.n_parts; k++) {
            struct safetensors_tensor *t = &w->tensor[w->n];
            memcpy(w->name[w->n], place.name[k], WEIGHT_NAME_MAX);
            w->part[w->n].parameter = i;
            w->part[w->n].k = k;
            *t = (struct safetensors_tensor){.name = w->name[w->n],
                                             .type = w->type[i],
                                             .rank = place.part.rank,
                                             .bytes = w->bytes}; /* filled by write_tensor */
            for (int axis = 0; axis < t->rank; axis++) t->shape[axis] = place.part.shape[axis];
            w->n++;
        }
    }
}

static enum status write_tensor(struct writing *w, struct file *f,
                                const struct safetensors_tensor *t, struct error *e) {
    enum status rc = STATUS_OK;
    const int64_t at = (char(*)[WEIGHT_NAME_MAX])t->name - w->name;
    const int i = w->part[at].parameter;
    struct weight_place place;
    CHECK(weight_layout_place(w->layout, &w->model->parameters.list[i], &place));
    TRY(model_read(w->model, i, w->model->student, w->values, e));
    weight_place_split(&place, w->part[at].k, w->values, w->rows);
    TRY(safetensors_from_f32(t, w->rows, w->bytes, e));
    TRY(file_write(f, w->bytes, (size_t)t->n_bytes, e));
done:
    return rc;
}

static enum status write_weights(struct writing *w, const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    const struct safetensors_pair metadata = {"format", "pt"};
    struct safetensors_content content = {
        .tensor = w->tensor, .n = w->n, .metadata = &metadata, .n_metadata = 1};
    struct text header = {0};
    struct file *f = NULL;
    TRY(safetensors_header(&content, &header, e));
    TRY(file_replace_begin(&f, path, e));
    TRY(file_write(f, header.bytes, header.n, e));
    for (int i = 0; i < w->n; i++) TRY(write_tensor(w, f, &w->tensor[i], e));
    TRY(file_replace_commit(&f, e));
done:
    file_destroy(&f);
    text_release(&header);
    return rc;
}

enum status model_export(const struct model *m, enum export_format format,
                         const enum safetensors_type *type, const char *folder, int *n,
                         struct error *e) {
    enum status rc = STATUS_OK;
    const size_t n_most = (size_t)m->parameters.n * WEIGHT_PARTS_MAX;
    struct writing w = {.model = m, .layout = formats[format].layout, .type = type};
    char path[FILE_PATH_MAX];
    w.name = calloc(n_most, sizeof *w.name);
    w.part = calloc(n_most, sizeof *w.part);
    w.tensor = calloc(n_most, sizeof *w.tensor);
    w.values = model_scratch(m, e);
    w.rows = model_scratch(m, e);
    w.bytes = model_scratch(m, e);
    if (!w.name || !w.part || !w.tensor || !w.values || !w.rows || !w.bytes)
        TRY(fail(e, STATUS_NO_MEMORY, "%s: no memory to write a model", folder));
    list_tensors(&w);
    TRY(file_join(path, folder, formats[format].weights, e));
    TRY(write_weights(&w, path, e));
    for (int i = 0; formats[format].config[i].name; i++)
        TRY(write_config(folder, formats[format].config[i].name, formats[format].config[i].write,
                         &m->architecture, e));
    *n = w.n;
done:
    free(w.name);
    free(w.part);
    free(w.tensor);
    free(w.values);
    free(w.rows);
    free(w.bytes);
    return rc;
}
