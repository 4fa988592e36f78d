#include "pipeline/run/save_plan.h"

int64_t save_plan_before(const struct recipe *r, int64_t step) {
    const int64_t every = r->checkpoint.every;
    int64_t found = every > 0 ? step / every * every : 0, end = 0;
    for (int i = 0; i < recipe_n_stages(r); i++) {
        end += recipe_stage(r, i)->steps;
        if (end <= step && end > found) found = end;
    }
    return found;
}

int64_t save_plan_after(const struct recipe *r, int64_t step) {
    const int64_t every = r->checkpoint.every, total = recipe_steps(r);
    int64_t found = INT64_MAX, end = 0;
    if (step <= 0) return 0;
    if (every > 0 && (step + every - 1) / every * every <= total)
        found = (step + every - 1) / every * every;
    for (int i = 0; i < recipe_n_stages(r); i++) {
        end += recipe_stage(r, i)->steps;
        if (end >= step && end < found) found = end;
    }
    return found;
}

/* The first step of the block that contains step. */
static int64_t block(int64_t step) {
    return step / SAVE_PLAN_BACK * SAVE_PLAN_BACK;
}

int64_t save_plan_back(const struct recipe *r, int64_t step) {
    if (step < SAVE_PLAN_BACK) return 0;
    return save_plan_after(r, block(save_plan_before(r, step - SAVE_PLAN_BACK)));
}

int save_plan_anchors(const struct recipe *r, int64_t step, int64_t out[SAVE_PLAN_ANCHORS_MAX]) {
    int n = 0;
    for (int64_t at = save_plan_back(r, step); at <= step && n < SAVE_PLAN_ANCHORS_MAX;
         at = save_plan_after(r, block(at) + SAVE_PLAN_BACK))
        out[n++] = at;
    return n;
}
