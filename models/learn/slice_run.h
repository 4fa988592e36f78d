/* slice_run: runs encoders slice by slice, forward and backward, within a memory budget.
 *
 *   slice_run_forward ► (losses over the features of the whole batch) ► slice_run_backward
 *
 * Threads take slices as they become free. Memory:
 *   lanes    an arena per worker, for slices whose activations are not kept
 *   kept     an arena per kept slice, held from forward to backward: as many as the budget allows
 *   small    arenas without the inside of blocks, if even the lanes do not fit
 *   blocks   gradients of one tower: one per worker, and about log2(slices) that wait to be added
 *            (slice_tree.h)
 * The gradient of an encoder is the sum over its slices by the fixed tree. Encoders of the same
 * tower are added in the order given. Threads, budget and the order in which slices finish do not
 * change the bits. */
#ifndef MODELS_LEARN_SLICE_RUN_H
#define MODELS_LEARN_SLICE_RUN_H

#include "models/clip/encoder.h"
#include "models/learn/slice_tree.h"

#include <pthread.h>

enum { SLICE_RUN_ENCODERS_MAX = 8 };

struct slice_run_config {
    struct backend *backend;
    const struct parameters *parameters;
    struct encoder *const *encoder; /* in running order; created with is_placed_later */
    int n_encoders;
    int64_t memory_bytes;    /* for lanes, kept arenas and blocks */
    struct buffer *gradient; /* trainable block; parts that no backward reaches are unchanged */
};

struct slice_item {
    int encoder, slice;
};

struct slice_run {
    struct slice_run_config config;
    struct encoder *encoder[SLICE_RUN_ENCODERS_MAX];
    struct slice_tree tree[SLICE_RUN_ENCODERS_MAX];
    struct buffer **kept[SLICE_RUN_ENCODERS_MAX];
    int n_kept[SLICE_RUN_ENCODERS_MAX];
    struct buffer **lane, **block;
    int n_lanes, n_blocks;
    int64_t lane_bytes, block_bytes;
    bool is_small; /* as in struct encoder_memory */
    struct program *merge[SLICE_RUN_ENCODERS_MAX]; /* block += other */
    struct program *total[SLICE_RUN_ENCODERS_MAX]; /* gradient = or += block */
    struct slice_item *forward, *backward;
    int n_forward, n_backward;

    /* State of a running backward. */
    pthread_mutex_t mutex;
    pthread_cond_t block_came;
    bool *is_used;
    int next; /* of backward */
    bool has_failed;
};

/* Decides what is kept, which fixes all sizes. slice_run_place then allocates. */
enum status slice_run_create(struct slice_run **out, const struct slice_run_config *c,
                             struct error *e);
enum status slice_run_place(struct slice_run *r, struct error *e);
void slice_run_destroy(struct slice_run **r);
enum status slice_run_forward(struct slice_run *r, struct error *e);
/* Also writes the gradients of the towers into the gradient. */
enum status slice_run_backward(struct slice_run *r, struct error *e);
/* Bytes of lanes, kept arenas and blocks; the same with nothing kept and small arenas. */
int64_t slice_run_bytes(const struct slice_run *r);
int64_t slice_run_least_bytes(const struct slice_run *r);
/* Number of slices with gradients, and of those that keep their activations. */
int slice_run_learning(const struct slice_run *r);
int slice_run_kept(const struct slice_run *r);

#endif
