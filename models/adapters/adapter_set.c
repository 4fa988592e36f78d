#include "models/adapters/adapter_set.h"

#include "models/weights/safetensors.h"
#include "pipeline/base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void adapter_set_release(struct adapter_set *s) {
    for (int i = 0; i < s->n; i++) {
        free(s->item[i].a);
        free(s->item[i].b);
        free(s->item[i].magnitude);
    }
    for (int i = 0; i < s->n_bottleneck; i++) free(s->bottleneck[i].values);
    free(s->bottleneck);
    free(s->item);
    *s = (struct adapter_set){0};
}

double low_rank_scale(double alpha, int64_t rank, bool is_stabilised) {
    return alpha / (is_stabilised ? sqrt((double)rank) : (double)rank);
}

struct low_rank *adapter_set_add(struct adapter_set *s, const struct low_rank *shape,
                                 bool is_dora) {
    if (s->n == s->capacity) {
        const int capacity = s->capacity ? 2 * s->capacity : 64;
        struct low_rank *more = realloc(s->item, (size_t)capacity * sizeof *more);
        if (!more) return NULL;
        s->item = more;
        s->capacity = capacity;
    }
    struct low_rank *l = &s->item[s->n++];
    *l = *shape;
    l->a = calloc((size_t)(l->rank * l->columns), sizeof *l->a);
    l->b = calloc((size_t)(l->rows * l->rank), sizeof *l->b);
    l->magnitude = is_dora ? calloc((size_t)l->rows, sizeof *l->magnitude) : NULL;
    return l->a && l->b && (l->magnitude || !is_dora) ? l : NULL;
}

/* --- Reading a run's file --- */

/* A number from the file's metadata, or fallback. */
static double metadata_number(const struct safetensors *s, const char *name, double fallback) {
    const char *text = safetensors_metadata(s, name);
    char *end = NULL;
    const double value = text ? strtod(text, &end) : fallback;
    return text && (end == text || *end) ? fallback : value;
}

/* X.lora_a and X.lora_b of the layer X. */
static enum status read_layer(struct adapter_set *set, const struct safetensors *s,
                              const struct safetensors_tensor *a, double alpha, struct error *e) {
    enum status rc = STATUS_OK;
    const int layer = (int)strlen(a->name) - (int)strlen(".lora_a");
    const struct safetensors_tensor *b;
    char name[160];
    snprintf(name, sizeof name, "%.*s.lora_b", layer, a->name);
    TRY(safetensors_get(s, name, &b, e));
    if (a->rank != 2 || b->rank != 2 || a->shape[0] != b->shape[1] || a->shape[0] < 1)
        TRY(fail(e, STATUS_BAD_DATA,
                 "%s: %.*s: lora_a and lora_b do not fit each other; expected (r, I) and (O, r)",
                 safetensors_path(s), layer, a->name));
    struct low_rank shape = {.rows = b->shape[0],
                             .columns = a->shape[1],
                             .rank = a->shape[0],
                             .scale = low_rank_scale(alpha, a->shape[0], false)};
    const bool packed = text_ends_with(name, ".in_proj.lora_b");
    snprintf(shape.weight, sizeof shape.weight, "%.*s%sweight", layer, a->name, packed ? "_" : ".");
    struct low_rank *l = adapter_set_add(set, &shape, false);
    if (!l) TRY(fail(e, STATUS_NO_MEMORY, "%s: no memory for %s", safetensors_path(s), a->name));
    TRY(safetensors_read_f32(a, l->a, e));
    TRY(safetensors_read_f32(b, l->b, e));
done:
    return rc;
}

/* The caller has made room for all tensors of the file. */
static enum status read_bottleneck(struct adapter_set *set, const struct safetensors *s,
                                   const struct safetensors_tensor *t, struct error *e) {
    struct adapter_tensor *b = &set->bottleneck[set->n_bottleneck];
    if (t->rank < 1 || t->rank > 2 || strlen(t->name) >= sizeof b->name)
        return fail(e, STATUS_BAD_DATA, "%s: %s: expected a tensor of one or two axes, found %d",
                    safetensors_path(s), t->name, t->rank);
    *b = (struct adapter_tensor){.tensor = tensor_make(TENSOR_F32, t->rank, t->shape)};
    snprintf(b->name, sizeof b->name, "%s", t->name);
    b->values = malloc((size_t)tensor_bytes(&b->tensor) + 1);
    if (!b->values)
        return fail(e, STATUS_NO_MEMORY, "%s: no memory for %s", safetensors_path(s), t->name);
    set->n_bottleneck++;
    return safetensors_read_f32(t, b->values, e);
}

static enum status read_tensor(struct adapter_set *set, const struct safetensors *s,
                               const struct safetensors_tensor *t, double alpha, struct error *e) {
    const char *path = safetensors_path(s);
    if (strstr(t->name, ".adapter.")) return read_bottleneck(set, s, t, e);
    const bool is_scale = !strcmp(t->name, "logit_scale");
    if (is_scale || !strcmp(t->name, "logit_bias")) {
        *(is_scale ? &set->has_logit_scale : &set->has_logit_bias) = true;
        const enum status rc = safetensors_check_shape(t, 0, &(int64_t){0}, e);
        if (rc != STATUS_OK) return rc;
        return safetensors_read_f32(t, is_scale ? &set->logit_scale : &set->logit_bias, e);
    }
    if (!text_ends_with(t->name, ".lora_a")) return STATUS_OK;
    if (!(alpha > 0 || alpha < 0))
        return fail(
            e, STATUS_BAD_DATA,
            "%s: lora_alpha is neither in the file's __metadata__ nor in "
            "recipe.resolved.json; expected one of them; give the run folder that it lay in",
            path);
    return read_layer(set, s, t, alpha, e);
}

enum status adapter_set_read(struct adapter_set *set, const char *path, double alpha,
                             struct error *e) {
    enum status rc = STATUS_OK;
    struct safetensors *s = NULL;
    *set = (struct adapter_set){0};
    TRY(safetensors_open(&s, path, e));
    alpha = metadata_number(s, "lora_alpha", alpha);
    set->bottleneck_scale = (float)metadata_number(s, "uniadapter_scale", 0);
    set->has_bottleneck_scale = safetensors_metadata(s, "uniadapter_scale") != NULL;
    set->bottleneck = calloc((size_t)safetensors_count(s) + 1, sizeof *set->bottleneck);
    if (!set->bottleneck) TRY(fail(e, STATUS_NO_MEMORY, "%s: no memory", path));
    const char *digest = safetensors_metadata(s, "base_digest");
    if (digest) snprintf(set->base_digest, sizeof set->base_digest, "%s", digest);
    for (int i = 0; i < safetensors_count(s); i++)
        TRY(read_tensor(set, s, safetensors_at(s, i), alpha, e));
    if (set->n == 0 && set->n_bottleneck == 0)
        TRY(fail(e, STATUS_BAD_DATA,
                 "%s: no adapters in it; expected tensors named like X.lora_a and X.lora_b, as in "
                 "weights/adapters.safetensors of a run",
                 path));
done:
    safetensors_destroy(&s);
    if (rc != STATUS_OK) adapter_set_release(set);
    return rc;
}

/* --- Checking --- */

static bool overlap(const struct low_rank *x, const struct low_rank *y) {
    return !strcmp(x->weight, y->weight) && x->first_row < y->first_row + y->rows &&
           y->first_row < x->first_row + x->rows;
}

static enum status check_item(const struct adapter_set *s, int i, const struct parameters *p,
                              struct error *e) {
    const struct low_rank *l = &s->item[i];
    const int k = parameters_find(p, l->weight);
    if (k < 0)
        return fail(
            e, STATUS_BAD_DATA,
            "%s has an adapter, but the model has no such weight; expected adapters of this "
            "architecture",
            l->weight);
    const struct tensor *t = &p->list[k].tensor;
    const int64_t rows = t->shape[l->transposed], columns = t->shape[!l->transposed];
    if (t->rank != 2 || l->columns != columns || l->first_row + l->rows > rows)
        return fail(e, STATUS_BAD_DATA,
                    "%s: an adapter of %lld x %lld numbers at row %lld does not fit the weight of "
                    "%lld x %lld; expected adapters of this architecture",
                    l->weight, (long long)l->rows, (long long)l->columns, (long long)l->first_row,
                    (long long)rows, (long long)columns);
    for (int other = 0; other < i; other++)
        if (overlap(l, &s->item[other]))
            return fail(e, STATUS_BAD_DATA,
                        "%s has two adapters for the same rows; expected one, under one name",
                        l->weight);
    return STATUS_OK;
}

enum status adapter_set_check_low_rank(const struct adapter_set *s, struct error *e) {
    if (s->n_bottleneck == 0) return STATUS_OK;
    return fail(
        e, STATUS_BAD_DATA,
        "%s belongs to a UniAdapter, which is no change of a weight and cannot be merged or "
        "exported; expected LoRA only; a next job goes on with it, where its recipe has the "
        "model.uniadapter, towers and layers that it was trained with",
        s->bottleneck[0].name);
}

static enum status check_bottleneck(const struct adapter_set *s, int i, const struct parameters *p,
                                    struct error *e) {
    const struct adapter_tensor *b = &s->bottleneck[i];
    const int k = parameters_find(p, b->name);
    if (k < 0) return adapter_set_check_low_rank(s, e);
    const struct tensor *t = &p->list[k].tensor;
    if (t->rank != b->tensor.rank || memcmp(t->shape, b->tensor.shape, sizeof t->shape))
        return fail(e, STATUS_BAD_DATA,
                    "%s: %lld x %lld numbers do not fit the parameter of %lld x %lld; expected the "
                    "model.uniadapter.width that it was trained with",
                    b->name, (long long)b->tensor.shape[0], (long long)b->tensor.shape[1],
                    (long long)t->shape[0], (long long)t->shape[1]);
    return STATUS_OK;
}

enum status adapter_set_check(const struct adapter_set *s, const struct parameters *p,
                              struct error *e) {
    enum status rc = STATUS_OK;
    for (int i = 0; i < s->n; i++) TRY(check_item(s, i, p, e));
    for (int i = 0; i < s->n_bottleneck; i++) TRY(check_bottleneck(s, i, p, e));
done:
    return rc;
}

/* --- Merging --- */

bool adapter_set_changes(const struct adapter_set *s, const struct parameter *w) {
    for (int i = 0; i < s->n; i++)
        if (!strcmp(s->item[i].weight, w->name)) return true;
    return (s->has_logit_scale && w->kind == PARAMETER_LOGIT_SCALE) ||
           (s->has_logit_bias && w->kind == PARAMETER_LOGIT_BIAS);
}

/* sum (columns): row r of W in, row r of W' out. False: a number is not finite. */
static bool merge_row(const struct low_rank *l, int64_t r, double *sum) {
    const float *b = l->b + r * l->rank;
    double square = 0;
    for (int64_t k = 0; k < l->rank; k++) {
        const float *a = l->a + k * l->columns;
        const double factor = l->scale * (double)b[k];
        for (int64_t c = 0; c < l->columns; c++) sum[c] += factor * (double)a[c];
    }
    for (int64_t c = 0; c < l->columns; c++) square += sum[c] * sum[c];
    if (l->magnitude) {
        const double factor = (double)l->magnitude[r] / sqrt(square);
        for (int64_t c = 0; c < l->columns; c++) sum[c] *= factor;
        square *= factor * factor;
    }
    return isfinite((float)sqrt(square));
}

static enum status merge_item(const struct low_rank *l, const struct tensor *t, float *values,
                              double *sum, struct error *e) {
    const int64_t line = t->shape[1];
    const int64_t step = l->transposed ? line : 1, row_step = l->transposed ? 1 : line;
    for (int64_t r = 0; r < l->rows; r++) {
        float *row = values + (l->first_row + r) * row_step;
        for (int64_t c = 0; c < l->columns; c++) sum[c] = (double)row[c * step];
        if (!merge_row(l, r, sum))
            return fail(e, STATUS_BAD_DATA,
                        "%s: row %lld is not finite with its adapter; expected finite numbers in "
                        "weights and adapter; the file is damaged or its training diverged",
                        l->weight, (long long)(l->first_row + r));
        for (int64_t c = 0; c < l->columns; c++) row[c * step] = (float)sum[c];
    }
    return STATUS_OK;
}

enum status adapter_set_merge(const struct adapter_set *s, const struct parameter *w, float *values,
                              struct error *e) {
    enum status rc = STATUS_OK;
    double *sum = NULL;
    if (s->has_logit_scale && w->kind == PARAMETER_LOGIT_SCALE) values[0] = s->logit_scale;
    if (s->has_logit_bias && w->kind == PARAMETER_LOGIT_BIAS) values[0] = s->logit_bias;
    for (int i = 0; i < s->n; i++) {
        const struct low_rank *l = &s->item[i];
        if (strcmp(l->weight, w->name)) continue;
        free(sum);
        sum = malloc((size_t)l->columns * sizeof *sum);
        if (!sum) TRY(fail(e, STATUS_NO_MEMORY, "%s: no memory to merge", w->name));
        TRY(merge_item(l, &w->tensor, values, sum, e));
    }
done:
    free(sum);
    return rc;
}
