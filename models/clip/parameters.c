#include "models/clip/parameters.h"

#include "pipeline/base/hash.h"
#include "pipeline/base/random.h"

#include <stdlib.h>
#include <string.h>

void parameters_init(struct parameters *p) {
    memset(p, 0, sizeof *p);
}

void parameters_release(struct parameters *p) {
    free(p->list);
    memset(p, 0, sizeof *p);
}

int parameters_find(const struct parameters *p, const char *name) {
    for (int i = 0; i < p->n; i++)
        if (!strcmp(p->list[i].name, name)) return i;
    return -1;
}

enum status parameters_add(struct parameters *p, const struct parameter *parameter,
                           struct error *e) {
    CHECK(!p->is_laid_out);
    CHECK(parameters_find(p, parameter->name) < 0);
    if (p->n == p->capacity) {
        const int wanted = p->capacity ? 2 * p->capacity : 128;
        struct parameter *more = realloc(p->list, (size_t)wanted * sizeof *more);
        if (!more) return fail(e, STATUS_NO_MEMORY, "parameters: no memory for %d", wanted);
        p->list = more;
        p->capacity = wanted;
    }
    p->list[p->n++] = *parameter;
    return STATUS_OK;
}

bool parameter_is_base(const struct parameter *p) {
    return p->kind != PARAMETER_ADAPTER && p->kind != PARAMETER_HEAD;
}

static int64_t padded_bytes(const struct parameter *w) {
    return (tensor_bytes(&w->tensor) + 255) / 256 * 256;
}

static int64_t place(struct parameter *w, int64_t offset) {
    w->offset = offset;
    return offset + padded_bytes(w);
}

void parameters_lay_out(struct parameters *p) {
    p->frozen_bytes = p->trainable_bytes = p->n_trainable = p->n_total = 0;
    for (int i = 0; i < p->n; i++) {
        struct parameter *w = &p->list[i];
        p->n_total += tensor_elements(&w->tensor);
        if (w->is_trainable)
            p->n_trainable += tensor_elements(&w->tensor);
        else
            p->frozen_bytes = place(w, p->frozen_bytes);
    }
    for (int decayed = 1; decayed >= 0; decayed--) {
        for (int i = 0; i < p->n; i++) {
            struct parameter *w = &p->list[i];
            if (w->is_trainable && (w->tensor.rank >= 2) == decayed)
                p->trainable_bytes = place(w, p->trainable_bytes);
        }
        if (decayed) p->decayed_bytes = p->trainable_bytes;
    }
    p->is_laid_out = true;
}

int64_t parameters_packed_offset(const struct parameters *p, int tower, int64_t offset) {
    int64_t bytes = 0;
    for (int i = 0; i < p->n; i++) {
        const struct parameter *w = &p->list[i];
        if (w->is_trainable && w->tower == tower && w->offset < offset) bytes += padded_bytes(w);
    }
    return bytes;
}

int64_t parameters_packed_bytes(const struct parameters *p, int tower) {
    return parameters_packed_offset(p, tower, p->trainable_bytes);
}

/* The first chosen parameter at or after `from`. */
static const struct parameter *first_from(const struct parameters *p, const bool *chosen,
                                          int64_t from) {
    const struct parameter *first = NULL;
    for (int i = 0; i < p->n; i++) {
        const struct parameter *w = &p->list[i];
        if (w->is_trainable && chosen[i] && w->offset >= from &&
            (!first || w->offset < first->offset))
            first = w;
    }
    return first;
}

bool parameters_range(const struct parameters *p, const bool *chosen, int64_t from, int64_t *begin,
                      int64_t *bytes) {
    const struct parameter *w = first_from(p, chosen, from);
    if (!w) return false;
    *begin = w->offset;
    *bytes = 0;
    for (; w && w->offset == *begin + *bytes; w = first_from(p, chosen, *begin + *bytes))
        *bytes += padded_bytes(w);
    return true;
}

void parameters_start(const struct parameters *p, int i, uint64_t seed, float *values) {
    const struct parameter *w = &p->list[i];
    const int64_t n = tensor_elements(&w->tensor);
    struct random r = random_begin(seed, RANDOM_INIT, hash_text(w->name), 0);
    for (int64_t k = 0; k < n; k++) {
        switch (w->start) {
        case PARAMETER_CONSTANT:
            values[k] = w->amount;
            break;
        case PARAMETER_NORMAL:
            values[k] = w->amount * random_normal(&r);
            break;
        case PARAMETER_UNIFORM:
            values[k] = random_range(&r, -w->amount, w->amount);
            break;
        }
    }
}
