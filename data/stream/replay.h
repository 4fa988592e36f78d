/* replay: decides which samples of the past a buffer holds, as a pure function of the samples that
 * earlier stages drew. There is no state to save.
 *
 *   all             every drawn sample (FoMo-in-Flux)
 *   reservoir       at most `capacity` of them, a uniform sample without replacement
 *   class_balanced  at most `capacity`, with class counts as equal as possible
 *
 * Instead of Vitter's draw per arrival, each sample has a fixed random rank, a hash of seed and
 * sample id. The samples with the lowest ranks stay, overall or per class. So the buffer has the
 * distribution of a reservoir at every moment, and changes like one from stage to stage: a sample
 * that has left never comes back.
 *
 * Sources: Vitter 1985, "Random sampling with a reservoir"; Koh et al. 2022 (i-Blurry), memory of
 * CLIB: the largest class gives way. */
#ifndef DATA_STREAM_REPLAY_H
#define DATA_STREAM_REPLAY_H

#include <stdint.h>

#include "data/shards/selection.h"
#include "data/stream/stream_order.h"
#include "pipeline/base/status.h"

#define REPLAY_KEEP_LIST(X)                                                                        \
    X(ALL, "all")                                                                                  \
    X(RESERVOIR, "reservoir")                                                                      \
    X(CLASS_BALANCED, "class_balanced")

#define REPLAY_KEEP_ENUM(name, text) REPLAY_##name,
enum replay_keep { REPLAY_KEEP_LIST(REPLAY_KEEP_ENUM) REPLAY_KEEP_COUNT };
#undef REPLAY_KEEP_ENUM

/* Adds the samples drawn by a part's first n_steps steps to `past`, a set over the datasets of its
 * sources. Takes time at most linear in their samples. */
void replay_add_past(struct selection *past, struct stream_order *order,
                     const struct stream_config *config, int part, int64_t n_steps);

/* Chooses the buffer from past, a sealed set; *out is a sealed set named "buffer". class_balanced
 * reads the label of every past sample; those without a usable label form a class of their own.
 * Errors: BAD_DATA when no past sample has a label; those of dataset_label except BAD_DATA;
 * NO_MEMORY. */
enum status replay_choose(struct selection **out, const struct selection *past,
                          enum replay_keep keep, int64_t capacity, uint64_t seed, struct error *e);

#endif
