/* Rewarmed cosine of FoMo-in-Flux, values from an independent evaluation of its formula. */
#include "pipeline/continual/plug.h"
#include "tests/check.h"

static struct error e;

/* The rate of step n of a schedule. */
static double rate(const char *fields, double peak, int64_t steps, int64_t n) {
    struct plug_set plugs = {0};
    struct learner l = {0};
    const struct plug_host host = {0};
    const struct plug_moment m = {.stage_step = n, .stage_steps = steps, .peak_rate = peak};
    CHECK_EQUAL(plug_set_one(&plugs, "cosine", fields, &host, &e), STATUS_OK);
    CHECK_EQUAL(plug_set_at(&plugs, PLUG_BEFORE_STEP, &l, &m, &e), STATUS_OK);
    plug_set_release(&plugs);
    return l.rate;
}

int main(void) {
    static const char *const warm = "{\"lr_floor\": 0.001, \"warmup\": 10}";
    CHECK_CLOSE(rate(warm, 1, 100, 0), 0.1, 1e-12);
    CHECK_CLOSE(rate(warm, 1, 100, 9), 1, 1e-12);
    CHECK_CLOSE(rate(warm, 1, 100, 10), 0.999696, 5e-7); /* six printed digits */
    CHECK_CLOSE(rate(warm, 1, 100, 54), 0.5005, 5e-7);
    CHECK_CLOSE(rate(warm, 1, 100, 99), 0.001, 1e-12);
    CHECK_CLOSE(rate(warm, 1, 5, 4), 1, 1e-12); /* warm-up to the end */
    CHECK_CLOSE(rate("{}", 2, 1, 0), 0, 1e-12);
    return check_report();
}
