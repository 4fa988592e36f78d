/* cmd_plan: what a run of a recipe would take, for `train --dry-run` and `recipe explain`. */
#ifndef PIPELINE_CLI_CMD_PLAN_H
#define PIPELINE_CLI_CMD_PLAN_H

#include "pipeline/run/run_folder.h"

/* The run that is planned: its folder, which need not exist, and how it would go on from a
 * checkpoint there (resume and allowed as struct trainer_options has them; NULL: not asked). */
struct plan_run {
    const char *folder, *resume;
    struct run_allowed allowed;
};

/* Opens data, weights and device as the run would, prepares every program and prints device,
 * trained parameters, planned memory and FLOPs of the longest step, the sources and evaluation
 * sets, and where the run would begin. Nothing of a step is allocated, so it also answers where a
 * run does not fit, and then names a setting that would. Errors: those that the run would end with
 * at its start. */
enum status cmd_plan_print(struct recipe *r, const struct plan_run *run, struct error *e);

#endif
