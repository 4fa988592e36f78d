/* ledger: what became of every sample, so that it can be shown that each came exactly once.
 *
 * A line per stage, role and source. After any number of steps, with epochs counted from the first:
 *
 *   trained + quarantined + skipped + tail = samples * epochs begun
 *
 *   trained      in a step whose update was made
 *   quarantined  a hole: the sample cannot be used
 *   skipped      usable, in a step whose update was left out or undone (a number was not finite)
 *   tail         of the epoch that was begun last, not drawn yet
 *
 * The first three are counted from the batches that were handed out; ledger_check compares their
 * sum with what the order says. The sample ids of each epoch are summed up, and when it ends the
 * sum must be that of all samples: none missing, none twice. The lines go into every checkpoint. */
#ifndef DATA_STREAM_LEDGER_H
#define DATA_STREAM_LEDGER_H

#include <stdint.h>

#include "data/stream/stream_order.h"
#include "pipeline/base/status.h"
#include "pipeline/base/text.h"

struct ledger_line {
    int number; /* of the stage */
    char stage[64], source[64];
    enum batch_role role;
    int64_t samples; /* of an epoch */
    int64_t trained, quarantined, skipped;
    uint64_t epoch_sum; /* of the ids of the epoch so far */
    bool is_changed; /* the recipe or the data of the stage changed: it is counted, not compared */
};

/* Zero-initialised is empty. */
struct ledger {
    struct ledger_line *line;
    int n, capacity;
    int first[STREAM_PARTS_MAX]; /* of the open stage: line of each part's first source */
};
void ledger_release(struct ledger *l);

/* Begins or goes on with a stage after n_steps of its steps: its lines are added unless they are
 * there. A stage that goes on but has no lines took other steps for its own: it counts as changed.
 */
enum status ledger_open_stage(struct ledger *l, int number, const char *stage, int64_t n_steps,
                              const struct stream_order *o, struct error *e);
/* Counts a batch of the open stage and where its slots come from (stream_places). Errors: FAILED, a
 * bug, when an epoch ended and some sample was missing or came twice. */
enum status ledger_count(struct ledger *l, const struct stream_order *o,
                         const struct stream_place *places, const struct batch *batch,
                         bool is_trained, struct error *e);
/* After n_steps steps of the open stage. Errors: FAILED, a bug, naming the line. */
enum status ledger_check(const struct ledger *l, const struct stream_order *o, int64_t n_steps,
                         struct error *e);
/* The stage goes on with another recipe or other data than it began with. So do those behind it
 * that the run was in before, where the stage became longer. */
void ledger_mark_changed(struct ledger *l, int number);
/* The weights went back to those of the time of `then`: what was trained since counts as skipped.
 */
void ledger_undo(struct ledger *l, const struct ledger *then);

/* Samples of begun epochs that were not drawn. */
int64_t ledger_tail(const struct ledger_line *line);

/* As JSON, and back. Reading: errors of json.h. */
void ledger_write(const struct ledger *l, struct text *out);
enum status ledger_read(struct ledger *l, const char *path, struct error *e);

#endif
