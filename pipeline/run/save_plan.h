/* save_plan: at which steps a run saves by its recipe, and which of these checkpoints it keeps to
 * go back to. Functions of the recipe alone, so that a run that was interrupted goes back to the
 * same checkpoint as one that was not.
 *
 * Planned are step 0, every multiple of checkpoint.every and the ends of stages. The first planned
 * step of each SAVE_PLAN_BACK steps is an anchor: going back means to the newest anchor that is at
 * least SAVE_PLAN_BACK steps old, or to step 0. */
#ifndef PIPELINE_RUN_SAVE_PLAN_H
#define PIPELINE_RUN_SAVE_PLAN_H

#include "pipeline/recipe/recipe.h"

enum { SAVE_PLAN_BACK = 100, SAVE_PLAN_ANCHORS_MAX = 4 };

/* The last planned step up to `step`, and the first from `step` on (INT64_MAX after the end). */
int64_t save_plan_before(const struct recipe *r, int64_t step);
int64_t save_plan_after(const struct recipe *r, int64_t step);
/* Where a run at `step` goes back to. */
int64_t save_plan_back(const struct recipe *r, int64_t step);
/* That step and the anchors after it up to `step`: what must be kept. Returns how many. */
int save_plan_anchors(const struct recipe *r, int64_t step, int64_t out[SAVE_PLAN_ANCHORS_MAX]);

#endif
