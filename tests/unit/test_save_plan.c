/* Planned steps and anchors against a walk over all steps, for many recipes. */
#include "pipeline/run/save_plan.h"

#include <stdio.h>
#include <stdlib.h>

#include "pipeline/base/random.h"
#include "tests/check.h"

enum { STEPS_MAX = 1200, STAGES = 3 };

int main(int argc, char **argv) {
    const uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    struct random random = random_begin(seed, RANDOM_TEST, 1, 0);
    static const int64_t every[] = {0, 1, 7, 10, 99, 100, 101, 150, 500, 5000};
    int n_wrong = 0, n_checked = 0, n_deleted = 0;
    printf("seed %llu\n", (unsigned long long)seed);
    for (int trial = 0; trial < 60; trial++) {
        struct recipe_stage stage[STAGES] = {0};
        struct recipe r = {.stages = {.item = stage, .n = 1 + trial % STAGES},
                           .checkpoint = {.every = every[trial % 10]}};
        bool planned[STEPS_MAX + 1] = {true}, kept[STEPS_MAX + 1] = {false};
        int64_t total = 0;
        for (int i = 0; i < r.stages.n; i++) {
            stage[i].steps = 1 + (int64_t)random_below(&random, STEPS_MAX / STAGES);
            planned[total += stage[i].steps] = true;
        }
        for (int64_t s = 1; s <= total; s++)
            if (r.checkpoint.every && s % r.checkpoint.every == 0) planned[s] = true;
        for (int64_t step = 0; step <= total; step++) {
            int64_t before = step, after = step, back = 0, anchor[SAVE_PLAN_ANCHORS_MAX];
            while (!planned[before]) before--;
            while (after <= total && !planned[after]) after++;
            /* the newest planned step 100 back, then the first planned one of its hundred */
            if (step >= 100) {
                back = step - 100;
                while (!planned[back]) back--;
                const int64_t hundred = back / 100 * 100;
                for (int64_t s = back; s >= hundred; s--)
                    if (planned[s]) back = s;
            }
            n_wrong += save_plan_before(&r, step) != before;
            n_wrong += save_plan_after(&r, step) != (after <= total ? after : INT64_MAX);
            n_wrong += save_plan_back(&r, step) != back;
            /* Where it goes back to is never deleted, whatever was saved and deleted before. */
            kept[step] = planned[step];
            n_wrong += !kept[back];
            if (planned[step]) {
                const int n = save_plan_anchors(&r, step, anchor);
                for (int64_t s = 0; s <= step; s++) {
                    bool stays = s == step;
                    for (int i = 0; i < n; i++) stays = stays || anchor[i] == s;
                    n_deleted += kept[s] && !stays;
                    kept[s] = kept[s] && stays;
                }
            }
            n_checked++;
        }
    }
    CHECK_EQUAL(n_wrong, 0);
    CHECK_TRUE(n_checked > 10000 && n_deleted > 1000);
    return check_report();
}
