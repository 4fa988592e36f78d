/* watchdog: a thread that ends the program when nothing makes progress.
 *
 * Between watchdog_begin and watchdog_end something must happen within the deadline: the backend
 * finishes work, watchdog_step is called, or bytes of a remote shard or of a file arrive. Otherwise
 * `bark` is called from the watchdog's thread with a text for the user. It must end the process,
 * since a hanging thread cannot be closed. It must not wait for anything, not even the log's
 * lock. */
#ifndef PIPELINE_TRAIN_WATCHDOG_H
#define PIPELINE_TRAIN_WATCHDOG_H

#include "models/backend.h"

typedef void watchdog_bark(const char *text);

struct watchdog;

/* Name of the time before the first step, beginning with the first file opened. */
#define WATCHDOG_LOADING "loading before step"

/* seconds: the deadline. bark NULL: no watchdog; *out is NULL, and the functions below do
 * nothing. */
enum status watchdog_create(struct watchdog **out, double seconds, watchdog_bark *bark,
                            struct error *e);
void watchdog_destroy(struct watchdog **w);

/* what: a constant text, "step" or "closing". backend: its progress counts; NULL: none. It must
 * live until watchdog_end. */
void watchdog_begin(struct watchdog *w, const char *what, struct backend *backend);
/* Reports progress; the text shows number. */
void watchdog_step(struct watchdog *w, int64_t number);
void watchdog_end(struct watchdog *w);

#endif
