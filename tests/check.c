#include "tests/check.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int n_passed, n_failed;

bool check_true(bool cond, const char *file, int line, const char *text) {
    if (cond) {
        n_passed++;
    } else {
        n_failed++;
        printf("%s:%d: failed: %s\n", file, line, text);
    }
    return cond;
}

bool check_equal(int64_t a, int64_t b, const char *file, int line, const char *text) {
    if (!check_true(a == b, file, line, text))
        printf("    left %" PRId64 ", right %" PRId64 "\n", a, b);
    return a == b;
}

bool check_text(const char *a, const char *b, const char *file, int line, const char *text) {
    bool same = a && b && !strcmp(a, b);
    if (!check_true(same, file, line, text))
        printf("    left \"%s\", right \"%s\"\n", a ? a : "(null)", b ? b : "(null)");
    return same;
}

bool check_close(double a, double b, double tolerance, const char *file, int line,
                 const char *text) {
    bool close = fabs(a - b) <= tolerance;
    if (!check_true(close, file, line, text))
        printf("    left %.9g, right %.9g, difference %.3g, tolerance %.3g\n", a, b, fabs(a - b),
               tolerance);
    return close;
}

int check_count(int usual, int full) {
    const char *is_long = getenv("SAPWOOD_TEST_LONG");
    return is_long && !strcmp(is_long, "1") ? full : usual;
}

int check_report(void) {
    printf("%d passed, %d failed\n", n_passed, n_failed);
    return n_failed || !n_passed;
}
