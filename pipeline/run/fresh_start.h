/* fresh_start: whether a run may begin at step 0 in a folder, which would cut its logs to nothing.
 *
 *     RUN/unsaved    from the first start until the first checkpoint is committed
 *
 * A start that was killed before its first checkpoint left logs that may be begun anew, and this
 * file says so. Without it, logs, weights or a resolved recipe are those of a run whose checkpoints
 * are gone, or somebody else's files: neither is written over. */
#ifndef PIPELINE_RUN_FRESH_START_H
#define PIPELINE_RUN_FRESH_START_H

#include "pipeline/base/status.h"

/* For a folder without checkpoints, there or not. NO_CHECKPOINT names what speaks against a fresh
 * start. */
enum status fresh_start_check(const char *run, struct error *e);
/* Marks the folder as one without a checkpoint, and warns of files in it that no run makes. Errors:
 * STORAGE. */
enum status fresh_start_begin(const char *run, struct error *e);
/* Takes the mark away: there is a checkpoint. Nothing happens when there is no mark. */
void fresh_start_end(const char *run);

#endif
