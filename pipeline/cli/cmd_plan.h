/* cmd_plan: prints what a run of a recipe would need, for `train --dry-run` and `recipe
 * explain`. */
#ifndef PIPELINE_CLI_CMD_PLAN_H
#define PIPELINE_CLI_CMD_PLAN_H

#include "pipeline/run/run_folder.h"

/* The planned run: its folder, which need not exist, and how it would resume from a checkpoint
 * there (resume and allowed as in struct trainer_options; NULL: do not look). */
struct plan_run {
    const char *folder, *resume;
    struct run_allowed allowed;
};

/* Opens data, weights and device like a run and prepares every program. Prints device, trained
 * parameters, planned memory and FLOPs of the longest step, sources, evaluation sets, and where the
 * run would begin. Allocates nothing for a step, so it also answers when a run does not fit, and
 * then names a setting that would. Errors: those that the run would end with at its start. */
enum status cmd_plan_print(struct recipe *r, const struct plan_run *run, struct error *e);

#endif
