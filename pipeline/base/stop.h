/* stop: the wish to end early. A signal brings it, long work asks for it between two pieces of a
 * fraction of a second. It belongs to the process, as signals do. */
#ifndef PIPELINE_BASE_STOP_H
#define PIPELINE_BASE_STOP_H

#include "pipeline/base/status.h"

#include <stdbool.h>

/* May be called from a signal handler. */
void stop_request(void);
/* Takes the wish back. */
void stop_clear(void);
bool stop_is_requested(void);

/* STOPPED when it is requested: "WHAT: stopped; run the same command again". */
enum status stop_check(const char *what, struct error *e);

#endif
