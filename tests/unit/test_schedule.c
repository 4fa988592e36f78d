#include "pipeline/train/schedule.h"
#include "tests/check.h"

/* Rewarmed cosine of FoMo-in-Flux, values from an independent evaluation of its formula. */
int main(void) {
    const struct schedule s = {.peak = 1, .floor = 0.001, .warmup_steps = 10, .total_steps = 100};
    CHECK_CLOSE(schedule_rate(&s, 0), 0.1, 1e-12);
    CHECK_CLOSE(schedule_rate(&s, 9), 1, 1e-12);
    CHECK_CLOSE(schedule_rate(&s, 10), 0.999696, 5e-7); /* six printed digits */
    CHECK_CLOSE(schedule_rate(&s, 54), 0.5005, 5e-7);
    CHECK_CLOSE(schedule_rate(&s, 99), 0.001, 1e-12);
    const struct schedule none = {.peak = 2, .floor = 0, .warmup_steps = 0, .total_steps = 1};
    CHECK_CLOSE(schedule_rate(&none, 0), 0, 1e-12);
    return check_report();
}
