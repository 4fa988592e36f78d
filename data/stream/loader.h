/* loader: fills one slot of a batch. It has no state, so any thread can fill any slot. */
#ifndef DATA_STREAM_LOADER_H
#define DATA_STREAM_LOADER_H

#include <stdint.h>

#include "data/batch.h"
#include "data/images/augment.h"
#include "data/shards/dataset.h"
#include "data/stream/stream_order.h"
#include "pipeline/base/status.h"
#include "pipeline/base/text.h"

/* Memory of one thread. Zero-initialised is empty. */
struct loader_memory {
    struct dataset_memory dataset;
    struct augment_memory augment;
    struct dataset_captions captions;
    struct text caption;
};
void loader_memory_release(struct loader_memory *memory);

/* Writes pixels, tokens, length, sample_id and usable of the place's slot in out. BAD_DATA: the
 * sample cannot be used, and the slot is a hole. Any other error ends the stream. */
enum status loader_fill(struct batch_part *out, const struct stream_config *config,
                        const struct stream_part *part, const struct stream_place *place,
                        struct loader_memory *memory, struct error *e);

/* Chooses the caption of a place's sample in that step, into memory->caption. */
enum status loader_caption(const struct stream_config *config, const struct stream_place *place,
                           struct loader_memory *memory, struct error *e);

/* Sets caption_id of all slots: the lowest usable slot with the same token ids; holes get their
 * own. */
void loader_match_captions(struct batch_part *part);

#endif
