/* stream: batches of training samples, made ahead by loader threads and handed out in step order.
 *
 * What is in step n is a function of (config, datasets, n): order.h says which sample stands in
 * which slot; crops, colours and captions are drawn from counters keyed by (seed, sample id, view,
 * step). Threads take slots as they come and write only their slot, so one thread or eight give the
 * same bytes, and a resumed stream needs first_step and the digest so far, nothing else.
 *
 * A sample that cannot be used leaves a hole: usable 0, black pixels, the tokens start and end. Bad
 * is decided by content only; trouble with reading is retried and then ends the stream. Holes are
 * budgeted, see struct stream_budget. */
#ifndef DATA_STREAM_STREAM_H
#define DATA_STREAM_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "data/batch.h"
#include "data/images/augment.h"
#include "data/shards/dataset.h"
#include "data/shards/selection.h"
#include "data/stream/order.h"
#include "data/texts/tokenizer.h"
#include "pipeline/base/status.h"

enum { STREAM_DEPTH_DEFAULT = 4, STREAM_STALL_S = 300 };

/* One picture of each sample of a part. */
struct stream_view {
    bool augment;     /* with the part's augment; false: the evaluation transform */
    int crop;         /* 0..127; views with one number have the same crop, flip and colours */
    float blur_share; /* share of the patches that are blurred (augment_blur_patches); 0: none */
    int blur_patch;   /* side of a patch, pixels; divides image_size */
};

/* One of the two stays the caller's, open until stream_close. */
struct stream_source {
    const struct dataset *dataset;
    const struct selection *selection; /* sealed and not empty */
    double ratio;                      /* share of samples; 0 for all sources: by their sizes */
};

enum { STREAM_PARTS_MAX = BATCH_ROLE_COUNT };

/* Slots of one batch.part. The parts of pretrain, update and buffer share one and must agree in
 * n_views and with_text. */
struct stream_part {
    enum batch_role role;
    int n;            /* slots per step */
    bool same_source; /* all slots of a step from one source; ratios then deal steps */
    int n_views;      /* 0: no pictures */
    struct stream_view view[BATCH_VIEWS_MAX];
    struct augment_params augment;
    bool with_text;
    bool first_caption; /* of several captions always the first; false: one at random */
    float tag_dropout;  /* probability per tag, caption_drop_tags */
    int n_sources;
    struct stream_source source[ORDER_SOURCES_MAX];
};

/* A slot that could not be filled, told when its sample comes first in the part of the stream: one
 * line of quarantine.jsonl. Later epochs have the same hole and say nothing. Valid during the call
 * only. */
struct stream_hole {
    int64_t step;
    enum batch_role role;
    int slot;
    const char *source, *shard, *key, *reason;
};
typedef void stream_report(void *context, const struct stream_hole *hole);

/* When the stream gives up: distinct bad samples of one shard or of one source, as a share of its
 * samples but at least floor of them; bad draws in a row, of samples that were not known to be bad;
 * not one usable among the first draws of a source (or among all its samples if they are fewer).
 * Counted from first_step on and with what stream_recall is told. 0: the default. */
struct stream_budget {
    double shard, source; /* default 0.05 and 0.01 */
    int floor;            /* default 10 */
    int in_a_row;         /* default 100 */
    int first;            /* default 1000 */
};

struct stream_config {
    uint64_t seed;
    int image_size;                    /* of parts with views */
    int context;                       /* token ids of parts with text */
    const struct tokenizer *tokenizer; /* the caller's; NULL without text */
    int n_parts;
    struct stream_part part[STREAM_PARTS_MAX]; /* roles in rising order, each once */
    int n_threads;                             /* loader threads; 0: 1 */
    int depth; /* batches made ahead, the one handed out included; 0: the default */
    int64_t first_step;
    uint64_t digest;       /* batch.digest of the step before first_step; 0 at the start */
    stream_report *report; /* called from stream_next in slot order; NULL: none */
    void *report_context;
    struct stream_budget budget;
    double stall_seconds; /* 0: STREAM_STALL_S */
};

struct stream;
struct stream_order; /* stream_order.h */
struct stream_place;

/* Whether stream_open would take it, with what it says otherwise. Reads no sample. */
enum status stream_check(const struct stream_config *config, struct error *e);
/* Starts the threads. Errors: BAD_ARG names the field; BAD_DATA for a source that has no picture or
 * no caption although its part wants them, naming what it has; NO_MEMORY. */
enum status stream_open(struct stream **out, const struct stream_config *config, struct error *e);
/* Before the first stream_next of a stream that does not begin at step 0: the holes of the steps
 * before first_step, in the order in which they were reported, then stream_recalled. The budgets
 * are then as if the stream had made those steps itself; of a source with a selection of several
 * datasets, draws between two holes count as usable ones of the same dataset. A hole that the order
 * does not know is left out. */
void stream_recall(struct stream *stream, const struct stream_hole *hole);
void stream_recalled(struct stream *stream);
/* The batch of the next step, valid until given back. Errors: BAD_DATA when a budget is spent
 * (counts by reason), STORAGE and others of reading, STOPPED while shards are fetched, STALLED when
 * for stall_seconds no batch and no byte of a remote shard came; time in which the process was
 * stopped (SIGSTOP) does not count.
 * After a failure only stream_close is allowed. */
enum status stream_next(struct stream *stream, const struct batch **batch, struct error *e);
/* In the order of stream_next; up to depth - 1 batches may be kept while waiting for the next. */
void stream_give_back(struct stream *stream, const struct batch *batch);
/* Stops the threads; batches not given back are gone. Accepts NULL inside. */
void stream_close(struct stream **stream);

/* Where the slots of a batch come from, part after part as in the config; valid as long as the
 * batch. The order itself is for questions about counts only. */
const struct stream_place *stream_places(const struct stream *stream, const struct batch *batch);
const struct stream_order *stream_order_of(const struct stream *stream);

#endif
