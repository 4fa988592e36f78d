#include "models/clip/model.h"

#include "models/clip/positions.h"
#include "models/weights/weight_files.h"
#include "pipeline/base/log.h"
#include "pipeline/base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- Whether the files fit --- */

enum { LISTED_MAX = 20, NAMED_MAX = 3 };

/* The first LISTED_MAX names of one kind. */
struct names {
    int n;
    struct text item[LISTED_MAX];
};

struct differences {
    struct names missing, extra, misshaped;
    bool has_integers;
};

static void add_name(struct names *l, const char *format, const char *name, const char *text) {
    if (l->n < LISTED_MAX) text_printf(&l->item[l->n], format, name, text);
    l->n++;
}

static void release_names(struct names *l) {
    for (int i = 0; i < LISTED_MAX; i++) text_release(&l->item[i]);
}

static void release_differences(struct differences *d) {
    release_names(&d->missing);
    release_names(&d->extra);
    release_names(&d->misshaped);
}

/* Tokens in front of the grid of patches. Text positions have no grid. */
static int64_t first_patch(const struct parameter *w, const struct architecture *a) {
    const int64_t side = a->image_size / a->patch;
    return w->tensor.shape[0] - side * side;
}

/* Rows of a position embedding that can be resized to the parameter, or 0. */
static int64_t resizable_rows(const struct parameter *w, const struct architecture *a,
                              const struct weight_place *place,
                              const struct safetensors_tensor *t) {
    const int axis = place->part.rank - 2;
    if (w->kind != PARAMETER_POSITION || axis < 0 || t->rank != place->part.rank) return 0;
    for (int i = 0; i < t->rank; i++)
        if (i != axis && t->shape[i] != place->part.shape[i]) return 0;
    const int64_t rows = t->shape[axis];
    if (w->tower == TOWER_TEXT) return rows <= 4096 ? rows : 0;
    const int64_t patches = rows - first_patch(w, a);
    if (patches < 1 || patches > 1 << 20) return 0;
    const int64_t side = (int64_t)sqrt((double)patches);
    return side * side == patches ? rows : 0;
}

static bool is_float(const struct safetensors_tensor *t) {
    return t->type == SAFETENSORS_F32 || t->type == SAFETENSORS_F16 ||
           t->type == SAFETENSORS_BF16 || t->type == SAFETENSORS_F64;
}

static void compare_parameter(const struct parameter *w, const struct architecture *a,
                              const struct weight_files *f, const struct weight_layout *layout,
                              bool *used, struct differences *d) {
    struct weight_place place;
    if (!weight_layout_place(layout, w, &place)) {
        add_name(&d->missing, "%s%s", w->name, "");
        return;
    }
    for (int k = 0; k < place.n_parts; k++) {
        struct error shape;
        const int i = weight_files_find(f, place.name[k]);
        if (i < 0) {
            if (parameter_is_base(w)) add_name(&d->missing, "%s%s", place.name[k], "");
            continue;
        }
        const struct safetensors_tensor *t = weight_files_at(f, i);
        used[i] = true;
        d->has_integers = d->has_integers || !is_float(t);
        if (!is_float(t))
            add_name(&d->misshaped, "%s%s", t->name, ": whole numbers instead of floats");
        else if (!resizable_rows(w, a, &place, t) &&
                 safetensors_check_shape(t, place.part.rank, place.part.shape, &shape) != STATUS_OK)
            add_name(&d->misshaped, "%s%s", shape.text, "");
    }
}

/* p: registry of a model of architecture a, not necessarily the model being loaded. */
static enum status compare(struct differences *d, const struct parameters *p,
                           const struct architecture *a, const struct weight_files *f,
                           const struct weight_layout *layout, struct error *e) {
    bool *used = calloc((size_t)weight_files_count(f) + 1, sizeof *used);
    *d = (struct differences){0};
    if (!used) return fail(e, STATUS_NO_MEMORY, "%s: no memory", weight_files_path(f));
    for (int i = 0; i < p->n; i++) compare_parameter(&p->list[i], a, f, layout, used, d);
    for (int i = 0; i < weight_files_count(f); i++) {
        const char *name = weight_files_at(f, i)->name;
        if (!used[i] && !weight_layout_ignores(layout, name)) add_name(&d->extra, "%s%s", name, "");
    }
    free(used);
    return STATUS_OK;
}

static int count_differences(const struct differences *d) {
    return d->missing.n + d->extra.n + d->misshaped.n;
}

/* The built-in architecture that these files fit, or NULL. */
static const char *find_fitting(const struct weight_files *f) {
    for (int i = 0; i < n_architecture_configs; i++) {
        struct parameters p;
        struct architecture a;
        struct differences d = {0};
        struct error ignored;
        bool fits = false;
        parameters_init(&p);
        if (architecture_find(&a, architecture_configs[i].name, &ignored) == STATUS_OK &&
            towers_declare(&p, &a, &ignored) == STATUS_OK &&
            compare(&d, &p, &a, f, weight_files_layout(f, &p), &ignored) == STATUS_OK)
            fits = !count_differences(&d);
        release_differences(&d);
        parameters_release(&p);
        if (fits) return architecture_configs[i].name;
    }
    return NULL;
}

/* Writes the first few names into the message, and all into the log if they are few. */
static void append_names(struct text *out, const char *what, const struct names *l, bool logged) {
    if (!l->n) return;
    text_printf(out, "; %d %s: ", l->n, what);
    for (int i = 0; i < l->n && i < NAMED_MAX; i++)
        text_printf(out, "%s%.160s", i ? ", " : "", text_string(&l->item[i]));
    if (l->n <= NAMED_MAX) return;
    text_append(out, ", ...");
    for (int i = 0; logged && l->n <= LISTED_MAX && i < l->n; i++)
        log_error("%s: %s", what, text_string(&l->item[i]));
}

static enum status report(const struct model *m, const struct weight_files *f,
                          const struct weight_layout *layout, const struct differences *d,
                          struct error *e) {
    struct text all = {0};
    const char *fitting = find_fitting(f);
    append_names(&all, "missing", &d->missing, !fitting);
    append_names(&all, "not expected", &d->extra, !fitting);
    append_names(&all, "of another shape or type", &d->misshaped, !fitting);
    const enum status rc =
        fail(e, STATUS_BAD_DATA, "%s: weights (%s names) do not fit architecture %s%s; %s%s",
             weight_files_path(f), layout->name, m->architecture.name, text_string(&all),
             fitting           ? "they fit architecture "
             : d->has_integers ? "they are quantised: take them in fp32, fp16 or bf16"
                               : "choose the architecture they were made for",
             fitting ? fitting : "");
    text_release(&all);
    return rc;
}

/* --- Reading --- */

/* Reads positions of `rows` tokens and resizes them to those of the parameter. */
static enum status read_positions(const struct weight_files *f, const struct parameter *w,
                                  const struct architecture *a, struct weight_place *place,
                                  int64_t rows, float *values, struct error *e) {
    enum status rc = STATUS_OK;
    const int64_t width = place->width;
    float *old = malloc((size_t)(rows * width) * sizeof *old);
    if (!old) return fail(e, STATUS_NO_MEMORY, "%s: no memory", w->name);
    place->rows = rows;
    TRY(weight_files_read(f, place, old, e));
    if (w->tower == TOWER_TEXT) {
        log_info("%s: resized from %d to %d tokens", w->name, (int)rows, a->context);
        TRY(positions_resize_line(old, (int)rows, values, a->context, (int)width, e));
    } else {
        const int64_t first = first_patch(w, a);
        const int from = (int)sqrt((double)(rows - first)), to = a->image_size / a->patch;
        log_info("%s: resized from %dx%d to %dx%d patches", w->name, from, from, to, to);
        memcpy(values, old, (size_t)(first * width) * sizeof *values);
        TRY(positions_resize_grid(old + first * width, from, values + first * width, to, (int)width,
                                  e));
    }
done:
    free(old);
    return rc;
}

static enum status read_parameter(struct model *m, int i, const struct weight_files *f,
                                  const struct weight_layout *layout, float *scratch,
                                  struct error *e) {
    enum status rc = STATUS_OK;
    const struct parameter *w = &m->parameters.list[i];
    float *host = model_host(m, i, m->student), *values = host ? host : scratch;
    struct weight_place place;
    CHECK(weight_layout_place(layout, w, &place));
    const int found = weight_files_find(f, place.name[0]);
    if (found < 0) return STATUS_OK; /* an adapter, which has its starting values */
    const struct safetensors_tensor *t = weight_files_at(f, found);
    const int64_t rows = resizable_rows(w, &m->architecture, &place, t);
    if (rows && rows != place.rows)
        TRY(read_positions(f, w, &m->architecture, &place, rows, values, e));
    else
        TRY(weight_files_read(f, &place, values, e));
    if (!host) TRY(model_write(m, i, values, e));
done:
    return rc;
}

enum status model_load(struct model *m, const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    struct weight_files *f = NULL;
    struct differences d = {0};
    float *scratch = NULL;
    TRY(weight_files_open(&f, path, e));
    const struct weight_layout *layout = weight_files_layout(f, &m->parameters);
    TRY(compare(&d, &m->parameters, &m->architecture, f, layout, e));
    if (count_differences(&d)) TRY(report(m, f, layout, &d, e));
    scratch = model_scratch(m, e);
    if (!scratch) TRY(STATUS_NO_MEMORY);
    for (int i = 0; i < m->parameters.n; i++) TRY(read_parameter(m, i, f, layout, scratch, e));
done:
    free(scratch);
    release_differences(&d);
    weight_files_destroy(&f);
    return rc;
}

/* --- What a run trained --- */

static bool is_adapter_name(const char *name) {
    return strstr(name, ".lora_") || strstr(name, ".adapter.");
}

enum status model_load_trained(struct model *m, const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    struct safetensors *s = NULL;
    float *values = model_scratch(m, e);
    if (!values) return STATUS_NO_MEMORY;
    TRY(safetensors_open(&s, path, e));
    for (int i = 0; i < safetensors_count(s); i++) {
        const char *name = safetensors_at(s, i)->name;
        if (parameters_find(&m->parameters, name) < 0 && is_adapter_name(name))
            TRY(fail(e, STATUS_BAD_DATA,
                     "%s: %s is no part of this model; expected the adapters of the recipe that "
                     "trained it",
                     path, name));
    }
    for (int i = 0; i < m->parameters.n; i++) {
        const struct parameter *w = &m->parameters.list[i];
        const struct safetensors_tensor *t = safetensors_find(s, w->name);
        if (!t && (!w->is_trainable || w->kind == PARAMETER_HEAD)) continue;
        rc = safetensors_get(s, w->name, &t, e);
        if (rc == STATUS_OK) rc = safetensors_check_shape(t, w->tensor.rank, w->tensor.shape, e);
        if (rc != STATUS_OK) {
            error_context(e, "%s", path);
            goto done;
        }
        TRY(safetensors_read_f32(t, values, e));
        TRY(model_write(m, i, values, e));
    }
done:
    free(values);
    safetensors_destroy(&s);
    return rc;
}
