/* stop: a request to end early. Signals set it; long work checks it several times a second. There
 * is one per process, as for signals. */
#ifndef PIPELINE_BASE_STOP_H
#define PIPELINE_BASE_STOP_H

#include "pipeline/base/status.h"

#include <stdbool.h>

/* May be called from a signal handler. */
void stop_request(void);
/* Withdraws the request. */
void stop_clear(void);
bool stop_is_requested(void);

/* STOPPED after a request: "WHAT: stopped; run the same command again". */
enum status stop_check(const char *what, struct error *e);

#endif
