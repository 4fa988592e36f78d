#include "pipeline/train/schedule.h"

#include <math.h>

double schedule_rate(const struct schedule *s, int64_t step) {
    const double pi = 3.14159265358979323846;
    const double low = s->floor * s->peak;
    if (step < s->warmup_steps) return s->peak * (double)(step + 1) / (double)s->warmup_steps;
    if (step >= s->total_steps) return low;
    double done = (double)(step - s->warmup_steps + 1) / (double)(s->total_steps - s->warmup_steps);
    return low + (s->peak - low) / 2 * (1 + cos(pi * done));
}
