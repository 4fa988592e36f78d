/* live_numbers: numbers that change from step to step. The host sets them, one upload per step puts
 * all of them into a small buffer, and kernels read them there, so that recorded work is replayed
 * unchanged.
 *
 * Whoever owns a number declares it by name; nothing lists them all. Each declaration begins at a
 * multiple of 256 bytes, so that it is bound alone. */
#ifndef MODELS_LEARN_LIVE_NUMBERS_H
#define MODELS_LEARN_LIVE_NUMBERS_H

#include "models/backend.h"
#include "models/graph.h"

struct live_number {
    char name[64];
    int first, n; /* of live_numbers.value */
};

/* Starts as zeros. */
struct live_numbers {
    struct live_number *list;
    int n;
    float *value;
    int n_values;
    struct buffer *buffer; /* NULL before live_numbers_place */
};

/* Declares n numbers of one owner, all 0; *number stands for them below. Before live_numbers_place.
 * Errors: NO_MEMORY; BAD_ARG where the name is there already. */
enum status live_numbers_add(struct live_numbers *l, const char *name, int n, int *number,
                             struct error *e);
/* The number of a name, or -1. */
int live_numbers_find(const struct live_numbers *l, const char *name);
/* Their values, for the owner to set; valid until the next live_numbers_add. */
float *live_numbers_of(const struct live_numbers *l, int number);

/* Makes the buffer. The caller counts its bytes. */
enum status live_numbers_place(struct live_numbers *l, struct backend *b, struct error *e);
/* Tensor of a graph: (n), or () where n is 1. */
int live_numbers_input(const struct live_numbers *l, int number, struct graph *g);
/* Hands all values to the device. */
enum status live_numbers_upload(const struct live_numbers *l, struct error *e);
void live_numbers_release(struct live_numbers *l);

#endif
