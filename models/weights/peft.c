#include "models/weights/peft.h"

#include "models/weights/peft_config.h"
#include "models/weights/weight_layout.h"
#include "pipeline/base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char config_name[] = "adapter_config.json";
static const char tensors_name[] = "adapter_model.safetensors";
static const char prefix[] = "base_model.model.";

bool peft_is_folder(const char *path) {
    char config[FILE_PATH_MAX];
    struct error ignored;
    return file_join(config, path, config_name, &ignored) == STATUS_OK && file_exists(config);
}

/* --- Reading: tensors by layer --- */

enum part { PART_A, PART_B, PART_MAGNITUDE, PARTS };
static const char *const part_names[PARTS] = {"lora_A", "lora_B", "lora_magnitude_vector"};

struct layer {
    char path[WEIGHT_NAME_MAX];
    const struct safetensors_tensor *part[PARTS];
    bool is_used;
};

struct reading {
    struct adapter_set *set;
    const struct peft_config *config;
    const struct safetensors *file;
    struct layer *layer;
    int n_layers;
};

/* The path before .lora_, without the names of PEFT's wrappers around a layer. */
static void layer_path(char out[WEIGHT_NAME_MAX], const char *name, const char *end) {
    static const char wrapper[] = ".base_layer";
    size_t n = 0;
    while (name < end && n + 1 < WEIGHT_NAME_MAX) {
        if (!strncmp(name, wrapper, sizeof wrapper - 1))
            name += sizeof wrapper - 1;
        else
            out[n++] = *name++;
    }
    out[n] = 0;
}

/* Whether a tensor's name may end so: nothing, .weight, .ADAPTER or .ADAPTER.weight. */
static bool is_end_of_name(const char *end) {
    if (*end && *end != '.') return false;
    const char *second = *end ? strchr(end + 1, '.') : NULL;
    return !second || !strcmp(second, ".weight");
}

static enum status name_fail(const struct reading *r, const char *name, struct error *e) {
    const char *path = safetensors_path(r->file);
    if (strstr(name, ".lora_embedding_"))
        return fail(e, STATUS_BAD_DATA,
                    "%s: %s: adapters of embeddings are not supported; expected linear layers",
                    path, name);
    return fail(e, STATUS_BAD_DATA,
                "%s: %s is no tensor of a LoRA or DoRA; expected "
                "base_model.model.LAYER.lora_A.weight, .lora_B.weight or .lora_magnitude_vector",
                path, name);
}

static enum status sort_tensor(struct reading *r, const struct safetensors_tensor *t,
                               struct error *e) {
    char path[WEIGHT_NAME_MAX];
    const char *at = strstr(t->name, ".lora_");
    int part = 0, i = 0;
    if (!text_starts_with(t->name, prefix) || !at) return name_fail(r, t->name, e);
    while (part < PARTS && !text_starts_with(at + 1, part_names[part])) part++;
    if (part == PARTS || !is_end_of_name(at + 1 + strlen(part_names[part])))
        return name_fail(r, t->name, e);
    layer_path(path, t->name + sizeof prefix - 1, at);
    while (i < r->n_layers && strcmp(r->layer[i].path, path)) i++;
    if (i == r->n_layers) {
        r->n_layers++;
        memcpy(r->layer[i].path, path, sizeof path);
    }
    if (r->layer[i].part[part])
        return fail(
            e, STATUS_BAD_DATA,
            "%s: %s and %s are the same part of a layer; expected one adapter in the folder",
            safetensors_path(r->file), r->layer[i].part[part]->name, t->name);
    r->layer[i].part[part] = t;
    return STATUS_OK;
}

/* --- Reading: layers to weights --- */

static enum status check_part(const struct reading *r, const struct layer *l, int part, int rank,
                              int64_t rows, int64_t columns, struct error *e) {
    const struct safetensors_tensor *t = l->part[part];
    if (!t)
        return fail(e, STATUS_BAD_DATA, "%s: layer %s has no %s; expected it beside the others",
                    safetensors_path(r->file), l->path, part_names[part]);
    const enum status rc = safetensors_check_shape(t, rank, (int64_t[]){rows, columns}, e);
    if (rc != STATUS_OK) error_context(e, "%s", safetensors_path(r->file));
    return rc;
}

/* shape: the layer's weight, rows and columns. */
static enum status read_layer(struct reading *r, struct layer *l, struct low_rank shape,
                              struct error *e) {
    enum status rc = STATUS_OK;
    double alpha;
    l->is_used = true;
    TRY(peft_config_layer(r->config, l->path, &shape.rank, &alpha, e));
    shape.scale = low_rank_scale(alpha, shape.rank, r->config->use_rslora);
    TRY(check_part(r, l, PART_A, 2, shape.rank, shape.columns, e));
    TRY(check_part(r, l, PART_B, 2, shape.rows, shape.rank, e));
    if (r->config->use_dora) TRY(check_part(r, l, PART_MAGNITUDE, 1, shape.rows, 0, e));
    if (!r->config->use_dora && l->part[PART_MAGNITUDE])
        TRY(fail(e, STATUS_BAD_DATA, "%s: %s belongs to DoRA, but use_dora is not true in %s",
                 safetensors_path(r->file), l->part[PART_MAGNITUDE]->name, config_name));
    struct low_rank *low = adapter_set_add(r->set, &shape, r->config->use_dora);
    if (!low) TRY(fail(e, STATUS_NO_MEMORY, "%s: no memory for %s", config_name, l->path));
    TRY(safetensors_read_f32(l->part[PART_A], low->a, e));
    TRY(safetensors_read_f32(l->part[PART_B], low->b, e));
    if (low->magnitude) TRY(safetensors_read_f32(l->part[PART_MAGNITUDE], low->magnitude, e));
done:
    return rc;
}

/* Whether the weight belongs to the layer: LAYER.weight, or LAYER.in_proj_weight as packed by
 * torch's MultiheadAttention. */
static bool is_weight_of(const char *name, const char *layer) {
    const size_t n = strlen(layer);
    if (strncmp(name, layer, n) || name[n] != '.') return false;
    return !strcmp(name + n, ".weight") || !strcmp(name + n, ".in_proj_weight");
}

/* The layers whose weight is part k of this parameter in that layout. */
static enum status read_place(struct reading *r, const struct parameter *w,
                              const struct weight_place *place, int k, struct error *e) {
    enum status rc = STATUS_OK;
    for (int i = 0; i < r->n_layers; i++) {
        struct layer *l = &r->layer[i];
        if (l->is_used || !is_weight_of(place->name[k], l->path)) continue;
        if (w->tensor.rank != 2)
            TRY(fail(e, STATUS_BAD_DATA,
                     "%s: %s is a convolution; adapters are supported of linear layers only",
                     safetensors_path(r->file), l->path));
        struct low_rank shape = {.transposed = place->transposed,
                                 .rows = place->transposed ? place->width : place->rows,
                                 .columns = place->transposed ? place->rows : place->width};
        shape.first_row = k * shape.rows;
        snprintf(shape.weight, sizeof shape.weight, "%s", w->name);
        TRY(read_layer(r, l, shape, e));
    }
done:
    return rc;
}

static enum status read_layers(struct reading *r, const struct parameters *p, struct error *e) {
    enum status rc = STATUS_OK;
    struct weight_place place;
    for (int n = 0; weight_layouts[n]; n++)
        for (int i = 0; i < p->n; i++) {
            if (!weight_layout_place(weight_layouts[n], &p->list[i], &place)) continue;
            for (int k = 0; k < place.n_parts; k++) TRY(read_place(r, &p->list[i], &place, k, e));
        }
    for (int i = 0; i < r->n_layers; i++)
        if (!r->layer[i].is_used)
            TRY(fail(e, STATUS_BAD_DATA,
                     "%s: layer %s is no linear layer of this model; expected layers of "
                     "transformers' CLIPModel or of open_clip, for the same architecture",
                     safetensors_path(r->file), r->layer[i].path));
done:
    return rc;
}

static enum status open_tensors(struct safetensors **out, const char *folder, struct error *e) {
    enum status rc = STATUS_OK;
    char path[FILE_PATH_MAX], pickle[FILE_PATH_MAX];
    TRY(file_join(path, folder, tensors_name, e));
    TRY(file_join(pickle, folder, "adapter_model.bin", e));
    if (!file_exists(path) && file_exists(pickle))
        TRY(fail(e, STATUS_BAD_DATA,
                 "%s: a pickle, which runs code when it is read, is refused; expected %s; load it "
                 "with PEFT and save_pretrained(..., safe_serialization=True)",
                 pickle, tensors_name));
    TRY(safetensors_open(out, path, e));
done:
    return rc;
}

enum status peft_read(struct adapter_set *set, const char *folder, const struct parameters *p,
                      struct error *e) {
    enum status rc = STATUS_OK;
    struct peft_config config = {0};
    struct safetensors *file = NULL;
    struct reading r = {.set = set, .config = &config};
    char path[FILE_PATH_MAX];
    *set = (struct adapter_set){0};
    TRY(file_join(path, folder, config_name, e));
    TRY(peft_config_read(&config, path, e));
    TRY(open_tensors(&file, folder, e));
    const int n = safetensors_count(file);
    r.file = file;
    r.layer = calloc((size_t)n + 1, sizeof *r.layer);
    if (!r.layer) TRY(fail(e, STATUS_NO_MEMORY, "%s: no memory for %d tensors", folder, n));
    if (n == 0) TRY(fail(e, STATUS_BAD_DATA, "%s: no tensors in %s", folder, tensors_name));
    for (int i = 0; i < n; i++) TRY(sort_tensor(&r, safetensors_at(file, i), e));
    TRY(read_layers(&r, p, e));
done:
    free(r.layer);
    safetensors_destroy(&file);
    peft_config_release(&config);
    if (rc != STATUS_OK) adapter_set_release(set);
    return rc;
}

/* --- Writing --- */

enum { NAME_MAX_BYTES = WEIGHT_NAME_MAX + 64 };

struct writing {
    int n_layers;
    char (*layer)[WEIGHT_NAME_MAX];
    char (*name)[NAME_MAX_BYTES]; /* of each tensor: A and B of every layer */
    struct safetensors_content content;
};

/* Finds the place of an update's weight in CLIPModel; .weight is cut off the names. */
static enum status place_of(const struct low_rank *l, struct weight_place *place, struct error *e) {
    struct parameter w = {.kind = PARAMETER_WEIGHT, .tower = -1, .layer = -1};
    snprintf(w.name, sizeof w.name, "%s", l->weight);
    w.tensor = tensor_make(TENSOR_F32, 2, (int64_t[]){l->rows, l->columns});
    if (!weight_layout_place(&weight_layout_hugging_face_clip, &w, place) || place->transposed ||
        l->magnitude)
        return fail(e, STATUS_UNSUPPORTED,
                    "%s: no PEFT folder can be written of its adapter; expected LoRA of the blocks "
                    "of a CLIP",
                    l->weight);
    for (int k = 0; k < place->n_parts; k++)
        place->name[k][strlen(place->name[k]) - strlen(".weight")] = 0;
    return STATUS_OK;
}

static enum status add_tensor(struct writing *w, const char *layer, const char *part,
                              enum safetensors_type type, int64_t rows, int64_t columns,
                              const float *values, struct error *e) {
    enum status rc = STATUS_OK;
    struct safetensors_tensor *t = &w->content.tensor[w->content.n];
    char *name = w->name[w->content.n++];
    void *bytes = malloc((size_t)(rows * columns) * sizeof *values);
    snprintf(name, NAME_MAX_BYTES, "%s%s.%s.weight", prefix, layer, part);
    *t = (struct safetensors_tensor){
        .name = name, .type = type, .rank = 2, .shape = {rows, columns}, .bytes = bytes};
    if (!bytes) return fail(e, STATUS_NO_MEMORY, "%s: no memory for %s", tensors_name, name);
    TRY(safetensors_from_f32(t, values, bytes, e));
done:
    return rc;
}

static enum status add_update(struct writing *w, const struct low_rank *l,
                              enum safetensors_type type, struct error *e) {
    enum status rc = STATUS_OK;
    struct weight_place place;
    TRY(place_of(l, &place, e));
    for (int k = 0; k < place.n_parts; k++) {
        const float *b = l->b + k * place.rows * l->rank;
        char *layer = w->layer[w->n_layers++];
        memcpy(layer, place.name[k], WEIGHT_NAME_MAX);
        TRY(add_tensor(w, layer, "lora_A", type, l->rank, l->columns, l->a, e));
        TRY(add_tensor(w, layer, "lora_B", type, place.rows, l->rank, b, e));
    }
done:
    return rc;
}

static enum status write_tensors(struct writing *w, const char *folder, struct error *e) {
    enum status rc = STATUS_OK;
    char path[FILE_PATH_MAX];
    const struct safetensors_pair format = {"format", "pt"};
    w->content.metadata = &format;
    w->content.n_metadata = 1;
    TRY(file_join(path, folder, tensors_name, e));
    TRY(safetensors_write(path, &w->content, e));
done:
    return rc;
}

static enum status write_text(const char *folder, const char *name, const struct text *t,
                              struct error *e) {
    enum status rc = STATUS_OK;
    char path[FILE_PATH_MAX];
    TRY(text_check(t, e));
    TRY(file_join(path, folder, name, e));
    TRY(file_write_all(path, text_string(t), t->n, e));
done:
    return rc;
}

/* Alpha as a float, as in the recipe: dividing by the rank may have cost the double its last
 * bit. */
static float alpha_of(const struct low_rank *l) {
    return (float)(l->scale * (double)l->rank);
}

static enum status write_config(const struct writing *w, const struct low_rank *l,
                                const char *folder, const struct peft_about *about,
                                struct error *e) {
    enum status rc = STATUS_OK;
    struct text t = {0};
    const char **layers = calloc((size_t)w->n_layers, sizeof *layers);
    const struct peft_config_content c = {.r = l->rank,
                                          .alpha = alpha_of(l),
                                          .base = about->base,
                                          .layer = layers,
                                          .n_layers = w->n_layers};
    if (!layers) TRY(fail(e, STATUS_NO_MEMORY, "%s: no memory", config_name));
    for (int i = 0; i < w->n_layers; i++) layers[i] = w->layer[i];
    TRY(peft_config_write(&c, &t, e));
    TRY(write_text(folder, config_name, &t, e));
done:
    free(layers);
    text_release(&t);
    return rc;
}

static enum status write_readme(const struct writing *w, const struct low_rank *l,
                                const char *folder, const struct peft_about *about,
                                struct error *e) {
    struct text t = {0};
    text_printf(&t,
                "---\nlibrary_name: peft\ntags: [lora, clip]\n---\n\n"
                "LoRA adapters of %d linear layers of a CLIP, rank %lld, alpha %g, trained with "
                "Sapwood%s%s.\n\n"
                "    from peft import PeftModel\n"
                "    from transformers import CLIPModel\n"
                "    model = PeftModel.from_pretrained(CLIPModel.from_pretrained(BASE), FOLDER)\n",
                w->n_layers, (long long)l->rank, (double)alpha_of(l),
                about->base ? " on the weights " : "", about->base ? about->base : "");
    if (about->note[0]) text_printf(&t, "\n%s", about->note);
    const enum status rc = write_text(folder, "README.md", &t, e);
    text_release(&t);
    return rc;
}

enum status peft_write(const struct adapter_set *s, const char *folder,
                       const struct peft_about *about, struct error *e) {
    enum status rc = STATUS_OK;
    const size_t n = (size_t)s->n * WEIGHT_PARTS_MAX;
    struct writing w = {.layer = calloc(n, sizeof *w.layer), .name = calloc(2 * n, sizeof *w.name)};
    w.content.tensor = calloc(2 * n, sizeof *w.content.tensor);
    CHECK(s->n > 0);
    if (!w.layer || !w.name || !w.content.tensor)
        TRY(fail(e, STATUS_NO_MEMORY, "%s: no memory for %d adapters", folder, s->n));
    for (int i = 0; i < s->n; i++) {
        if (s->item[i].rank != s->item[0].rank || s->item[i].scale < s->item[0].scale ||
            s->item[i].scale > s->item[0].scale)
            TRY(fail(e, STATUS_UNSUPPORTED,
                     "%s: another rank or alpha than %s; expected one for all adapters",
                     s->item[i].weight, s->item[0].weight));
        TRY(add_update(&w, &s->item[i], about->type, e));
    }
    TRY(write_tensors(&w, folder, e));
    TRY(write_config(&w, &s->item[0], folder, about, e));
    TRY(write_readme(&w, &s->item[0], folder, about, e));
done:
    for (int i = 0; i < w.content.n; i++) free((void *)w.content.tensor[i].bytes);
    free(w.content.tensor);
    free(w.layer);
    free(w.name);
    return rc;
}
