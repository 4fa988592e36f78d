#include "models/learn/live_numbers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STRIDE = 64 }; /* numbers; offsets of buffers are multiples of 256 bytes */

int live_numbers_find(const struct live_numbers *l, const char *name) {
    for (int i = 0; i < l->n; i++)
        if (!strcmp(l->list[i].name, name)) return i;
    return -1;
}

enum status live_numbers_add(struct live_numbers *l, const char *name, int n, int *number,
                             struct error *e) {
    const int room = (n + STRIDE - 1) / STRIDE * STRIDE;
    CHECK(!l->buffer && n > 0);
    if (live_numbers_find(l, name) >= 0)
        return fail(e, STATUS_BAD_ARG, "live numbers: %s is declared twice; expected once", name);
    struct live_number *list = realloc(l->list, ((size_t)l->n + 1) * sizeof *list);
    if (list) l->list = list;
    float *value = realloc(l->value, (size_t)(l->n_values + room) * sizeof *value);
    if (value) l->value = value;
    if (!list || !value) return fail(e, STATUS_NO_MEMORY, "live numbers: no memory for %s", name);
    memset(value + l->n_values, 0, (size_t)room * sizeof *value);
    *number = l->n;
    list[l->n] = (struct live_number){.first = l->n_values, .n = n};
    snprintf(list[l->n].name, sizeof list[l->n].name, "%s", name);
    l->n++;
    l->n_values += room;
    return STATUS_OK;
}

float *live_numbers_of(const struct live_numbers *l, int number) {
    return l->value + l->list[number].first;
}

enum status live_numbers_place(struct live_numbers *l, struct backend *b, struct error *e) {
    const int64_t bytes = (l->n_values > 0 ? l->n_values : STRIDE) * (int64_t)sizeof *l->value;
    return b->table->buffer_create(b, &l->buffer, bytes, e);
}

int live_numbers_input(const struct live_numbers *l, int number, struct graph *g) {
    const struct live_number *a = &l->list[number];
    const int64_t n = a->n;
    return graph_input(g, a->name, tensor_make(TENSOR_F32, n > 1, &n),
                       (struct place){.buffer = l->buffer, .offset = a->first * 4});
}

enum status live_numbers_upload(const struct live_numbers *l, struct error *e) {
    if (l->n_values == 0) return STATUS_OK;
    return l->buffer->backend->table->upload(l->buffer, 0, l->value,
                                             l->n_values * (int64_t)sizeof *l->value, e);
}

void live_numbers_release(struct live_numbers *l) {
    if (l->buffer) l->buffer->backend->table->buffer_destroy(l->buffer);
    free(l->list);
    free(l->value);
    *l = (struct live_numbers){0};
}
