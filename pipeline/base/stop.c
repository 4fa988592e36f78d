#include "pipeline/base/stop.h"

#include <signal.h>

static volatile sig_atomic_t is_requested;

void stop_request(void) {
    is_requested = 1;
}

void stop_clear(void) {
    is_requested = 0;
}

bool stop_is_requested(void) {
    return is_requested;
}

enum status stop_check(const char *what, struct error *e) {
    if (!is_requested) return STATUS_OK;
    return fail(e, STATUS_STOPPED, "%.300s: stopped before its end; run the same command again",
                what);
}
