/* save_plan: the steps at which a recipe saves, and the checkpoints it keeps to go back to. Both
 * depend on the recipe alone, so an interrupted run goes back to the same checkpoint as an
 * uninterrupted one.
 *
 * Planned steps are 0, every multiple of checkpoint.every, and the end of each stage. The first
 * planned step in each block of SAVE_PLAN_BACK steps is an anchor. A run goes back to the newest
 * anchor that is at least SAVE_PLAN_BACK steps old, else to step 0. */
#ifndef PIPELINE_RUN_SAVE_PLAN_H
#define PIPELINE_RUN_SAVE_PLAN_H

#include "pipeline/recipe/recipe.h"

enum { SAVE_PLAN_BACK = 100, SAVE_PLAN_ANCHORS_MAX = 4 };

/* The last planned step <= step, and the first >= step (INT64_MAX after the end). */
int64_t save_plan_before(const struct recipe *r, int64_t step);
int64_t save_plan_after(const struct recipe *r, int64_t step);
/* The step that a run at `step` goes back to. */
int64_t save_plan_back(const struct recipe *r, int64_t step);
/* The checkpoints to keep: that step and the later anchors up to `step`. Returns how many. */
int save_plan_anchors(const struct recipe *r, int64_t step, int64_t out[SAVE_PLAN_ANCHORS_MAX]);

#endif
