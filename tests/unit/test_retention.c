#include "pipeline/eval/retention.h"
#include "tests/check.h"

#include <stddef.h>

static void test_mtil(void) {
    /* Expected: the reference code's notebook gives 0.6375, 0.644444 and 0.683333 (transfer,
     * average, last); the other two by hand. */
    const double a[] = {.5, .6, .7, .4, .9, .65, .3, .8, .95};
    const struct retention_mtil m = retention_mtil(a, 3);
    CHECK_CLOSE(m.transfer, 0.6375, 1e-12);
    CHECK_CLOSE(m.average, 0.644444, 5e-7); /* six printed digits */
    CHECK_CLOSE(m.last, 0.683333, 5e-7);
    CHECK_CLOSE(m.backward, ((.3 - .5) + (.8 - .9)) / 2, 1e-12);
    CHECK_CLOSE(m.forgetting, ((.5 - .3) + (.9 - .8)) / 2, 1e-12);

    /* a domain may have been known best before its own stage: forgetting is then not -backward */
    const double early[] = {.5, .8, .5, .6};
    CHECK_CLOSE(retention_mtil(early, 2).backward, 0, 1e-12);
    const double late[] = {.2, .1, .0, .6, .5, .0, .4, .9, .3};
    CHECK_CLOSE(retention_mtil(late, 3).forgetting, ((.6 - .4) + (.5 - .9)) / 2, 1e-12);
    CHECK_CLOSE(retention_mtil(late, 3).backward, ((.4 - .2) + (.9 - .5)) / 2, 1e-12);

    const double one[] = {.7};
    const struct retention_mtil single = retention_mtil(one, 1);
    CHECK_CLOSE(single.transfer, 0, 0);
    CHECK_CLOSE(single.average, .7, 0);
    CHECK_CLOSE(single.last, .7, 0);
    CHECK_CLOSE(single.backward, 0, 0);
    CHECK_CLOSE(single.forgetting, 0, 0);
}

static void test_table(void) {
    /* a base domain that no stage trains on, and two stages with a domain each */
    const double score[] = {.50, .10, .20,  /* before */
                            .40, .60, .25,  /* after stage 1 on domain 1 */
                            .30, .45, .85}; /* after stage 2 on domain 2 */
    const int taught_in[] = {0, 1, 2};
    const struct retention_table t = {score, taught_in, 2, 3, NULL};
    const struct retention base = retention_domain(&t, 0), first = retention_domain(&t, 1),
                           second = retention_domain(&t, 2);
    CHECK_CLOSE(base.gained, 0, 0);
    CHECK_CLOSE(base.forgotten, .2, 1e-12);
    CHECK_CLOSE(base.retained, .6, 1e-12);
    CHECK_CLOSE(first.gained, .5, 1e-12);
    CHECK_CLOSE(first.forgotten, .15, 1e-12);
    CHECK_CLOSE(first.retained, .75, 1e-12);
    CHECK_CLOSE(second.gained, .6, 1e-12);
    CHECK_CLOSE(second.forgotten, 0, 0);
    CHECK_CLOSE(second.retained, 1, 0);
    const struct retention mean = retention_mean(&t);
    CHECK_CLOSE(mean.gained, .55, 1e-12);
    CHECK_CLOSE(mean.forgotten, .175, 1e-12); /* the last stage's domain had no time to fade */
    CHECK_CLOSE(mean.retained, .675, 1e-12);

    /* Taught in stages 1 and 2: gained is what both gave, forgotten counts from the last. */
    const double again[] = {.1, .4, .7, .5};
    const int from[] = {1}, to[] = {2};
    const struct retention twice =
        retention_domain(&(struct retention_table){again, to, 3, 1, from}, 0);
    CHECK_CLOSE(twice.gained, .6, 1e-12);
    CHECK_CLOSE(twice.forgotten, .2, 1e-12);

    const double nothing[] = {0, 0};
    const int untaught[] = {0};
    const struct retention_table zero = {nothing, untaught, 1, 1, NULL};
    CHECK_CLOSE(retention_domain(&zero, 0).retained, 1, 0);
    const int taught[] = {1};
    const struct retention_table only = {nothing, taught, 1, 1, NULL};
    CHECK_CLOSE(retention_mean(&only).forgotten, 0, 0);
    CHECK_CLOSE(retention_mean(&only).retained, 1, 0);
}

int main(void) {
    test_mtil();
    test_table();
    return check_report();
}
