/* fresh_start: decides whether a run may begin at step 0 in a folder, which empties its logs.
 *
 *     RUN/unsaved    from the first start until the first checkpoint is committed
 *
 * The file marks logs that may be overwritten: their run was killed before its first checkpoint.
 * Without the mark, logs, weights or a resolved recipe belong to a run whose checkpoints are gone,
 * or to somebody else. They are not overwritten. */
#ifndef PIPELINE_RUN_FRESH_START_H
#define PIPELINE_RUN_FRESH_START_H

#include "pipeline/base/status.h"

/* For a folder without checkpoints, or one that does not exist. NO_CHECKPOINT names the file that a
 * fresh start would overwrite. */
enum status fresh_start_check(const char *run, struct error *e);
/* Marks the folder, and warns of files in it that no run writes. Errors: STORAGE. */
enum status fresh_start_begin(const char *run, struct error *e);
/* Removes the mark once there is a checkpoint. Does nothing without a mark. */
void fresh_start_end(const char *run);

#endif
