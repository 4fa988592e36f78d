/* watchdog: a thread that ends the program when nothing moves any more.
 *
 * Between watchdog_begin and watchdog_end something must happen within the deadline: the backend
 * finishes work, a watchdog_step, bytes of a remote shard arrive, or bytes of a file are read.
 * When nothing does, `bark` is
 * called from the watchdog's thread with a text for the user; it is to end the process, since a
 * thread that hangs cannot be closed. It must not wait for anything, the log's lock included. */
#ifndef PIPELINE_TRAIN_WATCHDOG_H
#define PIPELINE_TRAIN_WATCHDOG_H

#include "models/backend.h"

typedef void watchdog_bark(const char *text);

struct watchdog;

/* The time before the first step, from opening the first file on. */
#define WATCHDOG_LOADING "loading before step"

/* seconds: the deadline. bark NULL: there is no watchdog, *out is NULL, and all below do nothing.
 */
enum status watchdog_create(struct watchdog **out, double seconds, watchdog_bark *bark,
                            struct error *e);
void watchdog_destroy(struct watchdog **w);

/* what: a constant text, "step" or "closing"; backend: whose progress counts, or NULL. The backend
 * must live until watchdog_end. */
void watchdog_begin(struct watchdog *w, const char *what, struct backend *backend);
/* Something was done; number is shown by the text. */
void watchdog_step(struct watchdog *w, int64_t number);
void watchdog_end(struct watchdog *w);

#endif
