/* cmd_plan: what a run of a recipe would take, for `train --dry-run` and `recipe explain`. */
#ifndef PIPELINE_CLI_CMD_PLAN_H
#define PIPELINE_CLI_CMD_PLAN_H

#include "pipeline/train/recipe.h"

/* Opens data, weights and device as the run would, prepares every program and prints device,
 * trained parameters, planned memory and FLOPs of the longest step, and the sources. */
enum status cmd_plan_print(const struct recipe *r, const char *run, struct error *e);

#endif
