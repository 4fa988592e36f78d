/* replay: which samples of the past a buffer holds, as a pure function of what the stages before
 * drew: nothing to save, nothing to lose.
 *
 *   all             every sample that was drawn (FoMo-in-Flux)
 *   reservoir       at most `capacity` of them, a uniform sample without replacement
 *   class_balanced  at most `capacity`, as nearly the same number of each class as there are
 *
 * Instead of Vitter's draw per arrival each sample has a fixed random rank, a hash of seed and
 * sample id, and those with the lowest ranks stay: of all of them, or of their class. So at every
 * moment the buffer is what a reservoir would be in distribution, and from stage to stage it
 * changes as a reservoir does: a sample that has left never comes back.
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

/* Puts the samples that a part's first n_steps steps draw into a set over the datasets of its
 * sources. Costs no more than the samples of these. */
void replay_add_past(struct selection *past, struct stream_order *order,
                     const struct stream_config *config, int part, int64_t n_steps);

/* What of past, a sealed set, the buffer holds: a sealed set *out, named "buffer". class_balanced
 * reads the label of every past sample; those without a usable one are a class of their own.
 * Errors: BAD_DATA when no past sample has a label, those of dataset_label but for BAD_DATA,
 * NO_MEMORY. */
enum status replay_choose(struct selection **out, const struct selection *past,
                          enum replay_keep keep, int64_t capacity, uint64_t seed, struct error *e);

#endif
