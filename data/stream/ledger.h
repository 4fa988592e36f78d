/* ledger: counts what became of every sample, to prove that each came exactly once per epoch.
 *
 * There is a line per stage, role and source. After any number of steps:
 *
 *   trained + quarantined + skipped + tail = samples * epochs begun
 *
 *   trained      in a step with an update
 *   quarantined  holes: the sample cannot be used
 *   skipped      usable, in a step whose update was skipped or undone (a number was not finite)
 *   tail         samples of the last begun epoch that are not drawn yet
 *
 * The first three are counted from the batches handed out; ledger_check compares their sum with the
 * order. The ledger also sums the sample ids of each epoch; at its end the sum must be that of all
 * samples: none missing, none twice. The lines go into every checkpoint. */
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
    bool is_changed; /* recipe or data of the stage changed: counted, but not compared */
};

/* Empty when zero-initialised. */
struct ledger {
    struct ledger_line *line;
    int n, capacity;
    int first[STREAM_PARTS_MAX]; /* of the open stage: line of each part's first source */
};
void ledger_release(struct ledger *l);

/* Opens a stage after n_steps of its steps; adds its lines unless they exist. A stage that
 * continues without lines counts as changed: its earlier steps belonged to something else. */
enum status ledger_open_stage(struct ledger *l, int number, const char *stage, int64_t n_steps,
                              const struct stream_order *o, struct error *e);
/* Counts a batch of the open stage; places: where its slots come from (stream_places). Errors:
 * FAILED, a bug, when an epoch ends with a sample missing or repeated. */
enum status ledger_count(struct ledger *l, const struct stream_order *o,
                         const struct stream_place *places, const struct batch *batch,
                         bool is_trained, struct error *e);
/* Compares the lines with the order after n_steps steps of the open stage. Errors: FAILED, a bug,
 * naming the line. */
enum status ledger_check(const struct ledger *l, const struct stream_order *o, int64_t n_steps,
                         struct error *e);
/* Marks a stage that continues with another recipe or other data than it began with. Later stages
 * that the run had already reached are marked too, if this stage became longer. */
void ledger_mark_changed(struct ledger *l, int number);
/* The weights went back to those at the time of `then`: samples trained since count as skipped. */
void ledger_undo(struct ledger *l, const struct ledger *then);

/* Samples of begun epochs that are not drawn yet. */
int64_t ledger_tail(const struct ledger_line *line);

/* Write the lines as JSON, and read them back (errors: json.h). */
void ledger_write(const struct ledger *l, struct text *out);
enum status ledger_read(struct ledger *l, const char *path, struct error *e);

#endif
