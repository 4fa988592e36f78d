/* live_numbers: numbers that change from step to step. The host sets them, one upload per step
 * copies them all into a small buffer, and kernels read them there. So recorded work is replayed
 * unchanged.
 *
 * The owner of a number declares it by name; there is no central list. Each declaration starts at a
 * multiple of 256 bytes, so that it can be bound alone. */
#ifndef MODELS_LEARN_LIVE_NUMBERS_H
#define MODELS_LEARN_LIVE_NUMBERS_H

#include "models/backend.h"
#include "models/graph.h"

struct live_number {
    char name[64];
    int first, n; /* in live_numbers.value */
};

/* Zero-initialised is empty. */
struct live_numbers {
    struct live_number *list;
    int n;
    float *value;
    int n_values;
    struct buffer *buffer; /* NULL before live_numbers_place */
};

/* Declares n numbers of one owner, all 0; *number identifies them below. Before live_numbers_place.
 * Errors: NO_MEMORY; BAD_ARG when the name is taken. */
enum status live_numbers_add(struct live_numbers *l, const char *name, int n, int *number,
                             struct error *e);
/* The *number declared under a name, or -1. */
int live_numbers_find(const struct live_numbers *l, const char *name);
/* Their values, for the owner to set; valid until the next live_numbers_add. */
float *live_numbers_of(const struct live_numbers *l, int number);

/* Allocates the buffer. Its bytes count as the caller's. */
enum status live_numbers_place(struct live_numbers *l, struct backend *b, struct error *e);
/* The numbers as a tensor of a graph: (n), or () if n is 1. */
int live_numbers_input(const struct live_numbers *l, int number, struct graph *g);
/* Uploads all values to the device. */
enum status live_numbers_upload(const struct live_numbers *l, struct error *e);
void live_numbers_release(struct live_numbers *l);

#endif
