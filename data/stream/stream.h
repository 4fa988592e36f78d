/* stream: batches of training samples, prepared by loader threads and handed out in step order.
 *
 * Step n is a function of (config, datasets, n). order.h decides which sample fills which slot;
 * crops, colours and captions are drawn from counters keyed by (seed, sample id, view, step). A
 * thread writes only the slots it takes, so one thread or eight give the same bytes. A resumed
 * stream needs only first_step and the digest so far.
 *
 * A sample that cannot be used leaves a hole: usable 0, black pixels, the tokens start and end.
 * Only content makes a sample bad; errors of reading are retried and then end the stream. struct
 * stream_budget limits the holes. */
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
    bool augment;     /* use the part's augment; false: the evaluation transform */
    int crop;         /* 0..127; views with the same number share crop, flip and colours */
    float blur_share; /* share of patches to blur (augment_blur_patches); 0: none */
    int blur_patch;   /* side of a patch, pixels; divides image_size */
};

/* A dataset or a selection; the caller keeps it open until stream_close. */
struct stream_source {
    const struct dataset *dataset;
    const struct selection *selection; /* sealed and not empty */
    double ratio;                      /* share of samples; all 0: by size */
};

enum { STREAM_PARTS_MAX = BATCH_ROLE_COUNT };

/* The slots of a role in a batch. The roles pretrain, update and buffer share one part of the batch
 * and must agree in n_views and with_text. */
struct stream_part {
    enum batch_role role;
    int n;            /* slots per step */
    bool same_source; /* all slots of a step from one source; ratios then apply to steps */
    int n_views;      /* 0: no pictures */
    struct stream_view view[BATCH_VIEWS_MAX];
    struct augment_params augment;
    bool with_text;
    bool first_caption; /* always the first caption; false: one at random */
    float tag_dropout;  /* probability per tag, caption_drop_tags */
    int n_sources;
    struct stream_source source[ORDER_SOURCES_MAX];
};

/* A slot that could not be filled: a line of quarantine.jsonl. Reported when its sample first
 * occurs in the part; later epochs have the same hole without a report. Valid only during the
 * call. */
struct stream_hole {
    int64_t step;
    enum batch_role role;
    int slot;
    const char *source, *shard, *key, *reason;
};
typedef void stream_report(void *context, const struct stream_hole *hole);

/* When the stream gives up. shard, source: distinct bad samples of one shard or source, as a share
 * of its samples, but at least `floor` of them. in_a_row: consecutive bad draws of samples not
 * known to be bad. first: no usable sample among the first draws of a source (or among all its
 * samples, if fewer). Counted from first_step, plus the holes given to stream_recall. 0: the
 * default. */
struct stream_budget {
    double shard, source; /* default 0.05 and 0.01 */
    int floor;            /* default 10 */
    int in_a_row;         /* default 100 */
    int first;            /* default 1000 */
};

struct stream_config {
    uint64_t seed;
    int image_size;                    /* side of pictures, for parts with views */
    int context;                       /* token ids, for parts with text */
    const struct tokenizer *tokenizer; /* the caller's; NULL without text */
    int n_parts;
    struct stream_part part[STREAM_PARTS_MAX]; /* roles in rising order, each once */
    int n_threads;                             /* loader threads; 0: 1 */
    int depth; /* batches prepared, the one handed out included; 0: the default */
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

/* Checks a config as stream_open does, with the same errors. Reads no sample. */
enum status stream_check(const struct stream_config *config, struct error *e);
/* Starts the threads. Errors: BAD_ARG names the field; BAD_DATA for a source without pictures or
 * captions that its part needs (the text says what it has); NO_MEMORY. */
enum status stream_open(struct stream **out, const struct stream_config *config, struct error *e);
/* For a stream that does not begin at step 0, before its first stream_next: pass the holes of the
 * steps before first_step, in the order of their reports, then call stream_recalled. The budgets
 * are then as if the stream had made those steps itself. For a selection of several datasets, the
 * draws between two holes count as usable draws of the same dataset. A hole that does not fit the
 * order is ignored. */
void stream_recall(struct stream *stream, const struct stream_hole *hole);
void stream_recalled(struct stream *stream);
/* The batch of the next step, valid until given back. Errors: BAD_DATA when a budget is spent (the
 * text counts holes by reason); STORAGE and other errors of reading; STOPPED while shards are
 * fetched; STALLED when neither a batch nor a byte of a remote shard came for stall_seconds. Time
 * in which the process was stopped (SIGSTOP) does not count.
 * After a failure only stream_close is allowed. */
enum status stream_next(struct stream *stream, const struct batch **batch, struct error *e);
/* Gives batches back, in the order of stream_next. Up to depth - 1 batches may be kept while
 * waiting for the next. */
void stream_give_back(struct stream *stream, const struct batch *batch);
/* Stops the threads and frees all batches, even those not given back. *stream may be NULL. */
void stream_close(struct stream **stream);

/* The places of a batch's slots, part after part as in the config; valid as long as the batch. Use
 * stream_order_of only to ask for counts. */
const struct stream_place *stream_places(const struct stream *stream, const struct batch *batch);
const struct stream_order *stream_order_of(const struct stream *stream);

#endif
