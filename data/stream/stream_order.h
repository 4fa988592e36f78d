/* stream_order: decides which sample fills which slot of which step; it reads no sample. It is a
 * function of (config, datasets, step), so plans, buffers of past samples and ledgers can compute
 * what a stream hands out. */
#ifndef DATA_STREAM_STREAM_ORDER_H
#define DATA_STREAM_STREAM_ORDER_H

#include <stdint.h>

#include "data/stream/stream.h"
#include "pipeline/base/status.h"

struct stream_place {
    int64_t step;
    int part;   /* of the config */
    int slot;   /* of the batch part that holds it */
    int source; /* of the part */
    int member; /* index of the dataset in the source's selection; 0 without one */
    const struct dataset *dataset;
    int64_t sample; /* of the dataset */
    uint64_t draw;  /* number of the draw within the source, through all steps */
};

struct stream_order;

/* Uses parts, sources and seed of the config, which the caller keeps as long as the order. Errors:
 * BAD_ARG (ratios), NO_MEMORY. */
enum status stream_order_create(struct stream_order **out, const struct stream_config *config,
                                struct error *e);
void stream_order_destroy(struct stream_order **o);

const struct stream_config *stream_order_config(const struct stream_order *o);
/* Number of slots of a step, over all parts. */
int stream_order_slots(const struct stream_order *o);
/* Fills places (stream_order_slots) for a step, part after part. One caller at a time. */
void stream_order_step(struct stream_order *o, int64_t step, struct stream_place *places);
/* Whether a part has this slot, counted as in stream_place. */
bool stream_order_has_slot(const struct stream_order *o, int part, int slot);
/* The place of one slot of a part, counted as in stream_place. One caller at a time. */
struct stream_place stream_order_place(struct stream_order *o, int64_t step, int part, int slot);
/* The sample of one draw of a source. One caller at a time. */
struct stream_place stream_order_draw(struct stream_order *o, int part, int source, uint64_t draw);

/* Number of draws of a source in the first n_steps steps, and of samples in its epoch. */
uint64_t stream_order_draws(const struct stream_order *o, int part, int source, int64_t n_steps);
int64_t stream_order_epoch(const struct stream_order *o, int part, int source);
/* For a source without a selection: its block of shards (order.h) before a step, and the shards of
 * a block. *shards is valid until the next call. */
uint64_t stream_order_block(struct stream_order *o, int part, int source, int64_t step);
int stream_order_shards(struct stream_order *o, int part, int source, uint64_t block,
                        const int **shards);
/* The name of a part's source. */
const char *stream_order_name(const struct stream_config *c, int part, int source);

/* The role of the batch part that holds a role: update for pretrain, update and buffer. */
enum batch_role stream_order_batch_role(enum batch_role role);

#endif
