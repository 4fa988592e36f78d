/* schedule: the learning rate of a step.
 *
 * Linear warm-up over W steps, then half a cosine down to a floor:
 *   n < W:  peak (n + 1) / W
 *   else    low + (peak - low) / 2 (1 + cos(pi (n - W + 1) / (N - W))),  low = floor peak
 * n counts optimiser steps from 0, N is their total; the last step ends exactly at low.
 * Source: FoMo-in-Flux, rewarmed cosine. */
#ifndef PIPELINE_TRAIN_SCHEDULE_H
#define PIPELINE_TRAIN_SCHEDULE_H

#include <stdint.h>

struct schedule {
    double peak;
    double floor; /* share of peak at the end, 0..1 */
    int64_t warmup_steps;
    int64_t total_steps;
};

double schedule_rate(const struct schedule *s, int64_t step);

#endif
