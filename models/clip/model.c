#include "models/clip/model.h"

#include "models/adapters/adapter_set.h"
#include "models/weights/safetensors.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum status model_declare(struct model *m, const struct model_config *c, struct error *e) {
    enum status rc = STATUS_OK;
    struct parameters *p = &m->parameters;
    memset(m, 0, sizeof *m);
    parameters_init(p);
    m->architecture = c->architecture;
    m->adapters = c->adapters;
    m->training = c->training;
    TRY(towers_declare(p, &m->architecture, e));
    for (int i = 0; i < p->n; i++) {
        const bool is_logit =
            p->list[i].kind == PARAMETER_LOGIT_SCALE || p->list[i].kind == PARAMETER_LOGIT_BIAS;
        p->list[i].is_trainable =
            is_logit ? c->train_logit_scale : c->training == MODEL_TRAIN_ALL;
    }
    if (c->training == MODEL_TRAIN_ADAPTERS)
        TRY(adapters_declare(p, &m->architecture, &m->adapters, e));
done:
    if (rc != STATUS_OK) model_release(m);
    return rc;
}

void model_release(struct model *m) {
    if (m->frozen) m->backend->table->buffer_destroy(m->frozen);
    if (m->student) m->backend->table->buffer_destroy(m->student);
    parameters_release(&m->parameters);
    memset(m, 0, sizeof *m);
}

float *model_scratch(const struct model *m, struct error *e) {
    int64_t n = 1;
    for (int i = 0; i < m->parameters.n; i++) {
        const int64_t elements = tensor_elements(&m->parameters.list[i].tensor);
        if (elements > n) n = elements;
    }
    float *values = malloc((size_t)n * sizeof *values);
    if (!values)
        fail(e, STATUS_NO_MEMORY, "model: no memory for a tensor of %lld numbers", (long long)n);
    return values;
}

enum status model_allocate(struct model *m, struct backend *b, uint64_t seed, const char *weights,
                           struct error *e) {
    enum status rc = STATUS_OK;
    float *values = NULL;
    parameters_lay_out(&m->parameters);
    m->backend = b;
    const int64_t frozen = m->parameters.frozen_bytes, student = m->parameters.trainable_bytes;
    TRY(b->table->buffer_create(b, &m->frozen, frozen > 0 ? frozen : 256, e));
    TRY(b->table->buffer_create(b, &m->student, student > 0 ? student : 256, e));
    backend_name(m->frozen, "frozen weights");
    backend_name(m->student, "trainable block");
    if (b->is_plan && !weights) return rc; /* skip seconds of random numbers that nobody reads */
    values = model_scratch(m, e);
    if (!values) return STATUS_NO_MEMORY;
    for (int i = 0; i < m->parameters.n; i++) {
        if (weights && parameter_is_base(&m->parameters.list[i])) continue;
        parameters_start(&m->parameters, i, seed, values);
        TRY(model_write(m, i, values, e));
    }
    if (weights) TRY(model_load(m, weights, e));
done:
    free(values);
    return rc;
}

struct weights_view model_base_view(const struct model *m) {
    return (struct weights_view){.parameters = &m->parameters,
                                 .architecture = &m->architecture,
                                 .frozen = m->frozen,
                                 .trainable = m->student,
                                 /* a starting LoRA has B = 0 and adds nothing */
                                 .adapters = m->has_start ? &m->adapters : NULL};
}

struct weights_view model_view(const struct model *m) {
    struct weights_view view = model_base_view(m);
    if (m->training == MODEL_TRAIN_ADAPTERS) view.adapters = &m->adapters;
    return view;
}

enum status model_read(const struct model *m, int i, const struct buffer *slot, float *values,
                       struct error *e) {
    const struct parameter *w = &m->parameters.list[i];
    struct buffer *from = w->is_trainable ? (struct buffer *)slot : m->frozen;
    return m->backend->table->download(values, from, w->offset, tensor_bytes(&w->tensor), e);
}

enum status model_write(struct model *m, int i, const float *values, struct error *e) {
    const struct parameter *w = &m->parameters.list[i];
    struct buffer *to = w->is_trainable ? m->student : m->frozen;
    return m->backend->table->upload(to, w->offset, values, tensor_bytes(&w->tensor), e);
}

float *model_host(const struct model *m, int i, const struct buffer *slot) {
    const struct parameter *w = &m->parameters.list[i];
    const struct buffer *b = w->is_trainable ? slot : m->frozen;
    return b->data ? (float *)((char *)b->data + w->offset) : NULL;
}

/* --- Merging --- */

/* Starts the model's UniAdapter from the values that another run trained. */
static enum status start_bottleneck(struct model *m, const struct adapter_set *s, struct error *e) {
    enum status rc = STATUS_OK;
    if (s->n_bottleneck == 0) return rc;
    if (!s->has_bottleneck_scale || s->bottleneck_scale != m->adapters.bottleneck_scale)
        TRY(fail(
            e, STATUS_BAD_DATA,
            "model.uniadapter.scale is %g; expected what the UniAdapter was trained with, %s %g",
            (double)m->adapters.bottleneck_scale,
            s->has_bottleneck_scale ? "found" : "which neither its file nor its run says, not",
            (double)s->bottleneck_scale));
    for (int i = 0; i < s->n_bottleneck; i++) {
        const struct adapter_tensor *b = &s->bottleneck[i];
        const uint64_t seed = m->start.low ^ m->start.high;
        TRY(model_write(m, parameters_find(&m->parameters, b->name), b->values, e));
        m->start = hash_128(b->name, strlen(b->name), seed);
        m->start = hash_128(b->values, (size_t)tensor_bytes(&b->tensor),
                            m->start.low ^ m->start.high);
    }
    m->has_start = true;
done:
    return rc;
}

enum status model_merge(struct model *m, const struct adapter_set *s, struct error *e) {
    enum status rc = STATUS_OK;
    char digest[33];
    float *values = model_scratch(m, e);
    if (!values) return STATUS_NO_MEMORY;
    TRY(adapter_set_check(s, &m->parameters, e));
    TRY(model_digest(m, MODEL_BASE, digest, e));
    if (s->base_digest[0] && strcmp(s->base_digest, digest))
        log_warning("adapters are merged into other weights than those they were trained on; "
                    "expected digest %s, found %s",
                    s->base_digest, digest);
    for (int i = 0; i < m->parameters.n; i++) {
        const struct parameter *w = &m->parameters.list[i];
        if (!parameter_is_base(w) || !adapter_set_changes(s, w)) continue;
        TRY(model_read(m, i, m->student, values, e));
        TRY(adapter_set_merge(s, w, values, e));
        TRY(model_write(m, i, values, e));
    }
    TRY(start_bottleneck(m, s, e));
done:
    free(values);
    return rc;
}

/* --- Saving --- */

static bool is_in(const struct parameter *w, enum model_part part) {
    if (part == MODEL_BASE) return parameter_is_base(w);
    return part == MODEL_EVERYTHING || w->is_trainable;
}

enum status model_content(const struct model *m, enum model_part part,
                          struct safetensors_content *content, struct error *e) {
    enum status rc = STATUS_OK;
    const struct parameters *p = &m->parameters;
    *content =
        (struct safetensors_content){.tensor = calloc((size_t)p->n, sizeof *content->tensor)};
    if (!content->tensor) return fail(e, STATUS_NO_MEMORY, "model: no memory to save");
    for (int i = 0; i < p->n; i++) {
        const struct parameter *w = &p->list[i];
        if (!is_in(w, part)) continue;
        struct safetensors_tensor *t = &content->tensor[content->n++];
        float *values = malloc((size_t)tensor_bytes(&w->tensor));
        *t = (struct safetensors_tensor){.name = strdup(w->name),
                                         .type = SAFETENSORS_F32,
                                         .rank = w->tensor.rank,
                                         .bytes = values,
                                         .n_bytes = tensor_bytes(&w->tensor)};
        for (int k = 0; k < w->tensor.rank; k++) t->shape[k] = w->tensor.shape[k];
        if (!values || !t->name) {
            rc = fail(e, STATUS_NO_MEMORY, "model: no memory to save %s", w->name);
            goto done;
        }
        TRY(model_read(m, i, m->student, values, e));
    }
done:
    if (rc != STATUS_OK) model_content_release(content);
    return rc;
}

void model_content_release(struct safetensors_content *content) {
    for (int i = 0; i < content->n; i++) {
        free((void *)content->tensor[i].name);
        free((void *)content->tensor[i].bytes);
    }
    free(content->tensor);
    *content = (struct safetensors_content){0};
}

enum status model_save(const struct model *m, enum model_part part, const char *base_digest,
                       const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    struct safetensors_content content = {0};
    char alpha[32], scale[32];
    struct safetensors_pair metadata[4] = {{"format", "pt"}, {"base_digest", base_digest}};
    int n = 2;
    snprintf(alpha, sizeof alpha, "%.9g", (double)m->adapters.lora_alpha);
    snprintf(scale, sizeof scale, "%.9g", (double)m->adapters.bottleneck_scale);
    if (m->adapters.lora_rank > 0)
        metadata[n++] = (struct safetensors_pair){"lora_alpha", alpha};
    if (m->adapters.bottleneck > 0)
        metadata[n++] = (struct safetensors_pair){"uniadapter_scale", scale};
    TRY(model_content(m, part, &content, e));
    content.metadata = metadata;
    content.n_metadata = part == MODEL_TRAINABLE ? n : 1;
    content.is_checked = true;
    TRY(safetensors_write(path, &content, e));
done:
    model_content_release(&content);
    return rc;
}

/* Hash of the settings that names, shapes and values of tensors do not show. CLIP's way of reading
 * text adds nothing, so digests made before it was included still hold. */
static struct hash_128 hash_settings(const struct architecture *a) {
    const struct tower_shape *text = &a->tower[TOWER_TEXT];
    const bool is_clip = text->pool == TOWER_POOL_TOKEN && text->is_causal;
    const float reading[] = {(float)text->pool, text->is_causal};
    const float numbers[] = {(float)a->activation,
                       a->norm_epsilon,
                       (float)a->tower[TOWER_IMAGE].heads,
                       (float)a->tower[TOWER_TEXT].heads,
                       a->mean[0],
                       a->mean[1],
                       a->mean[2],
                       a->deviation[0],
                       a->deviation[1],
                       a->deviation[2]};
    const struct hash_128 h = hash_128(numbers, sizeof numbers, 0);
    if (!architecture_has_text(a) || is_clip) return h;
    return hash_128(reading, sizeof reading, h.low ^ h.high);
}

enum status model_digest(const struct model *m, enum model_part part, char out[33],
                         struct error *e) {
    enum status rc = STATUS_OK;
    struct hash_128 digest = hash_settings(&m->architecture);
    float *scratch = model_scratch(m, e);
    if (!scratch) return STATUS_NO_MEMORY;
    for (int i = 0; i < m->parameters.n; i++) {
        const struct parameter *w = &m->parameters.list[i];
        const float *values = model_host(m, i, m->student);
        if (!is_in(w, part)) continue;
        if (!values) {
            TRY(model_read(m, i, m->student, scratch, e));
            values = scratch;
        }
        digest = hash_128(w->name, strlen(w->name), digest.low ^ digest.high);
        digest = hash_128(values, (size_t)tensor_bytes(&w->tensor), digest.low ^ digest.high);
    }
    if (part == MODEL_BASE && m->has_start)
        digest = hash_128(&m->start, sizeof m->start, digest.low ^ digest.high);
    hash_hex_128(out, digest);
done:
    free(scratch);
    return rc;
}
