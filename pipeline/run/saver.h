/* saver: a thread that writes snapshots as checkpoints while the run goes on, one at a time.
 *
 * Handing a snapshot over costs nothing; the copy was made before. "checkpoint N committed" is
 * logged by the thread, after the last sync. What went wrong is told by saver_result. The thread
 * takes no signals. */
#ifndef PIPELINE_RUN_SAVER_H
#define PIPELINE_RUN_SAVER_H

#include "pipeline/run/snapshot.h"

struct saver;

/* run: the run folder, the text is copied; lock: its lock, which the caller holds longer than the
 * saver lives. */
enum status saver_create(struct saver **out, const char *run, const struct file *lock,
                         struct error *e);
/* Waits for what is being written, then ends the thread. NULL inside is fine. */
void saver_destroy(struct saver **s);

/* Takes the snapshot (*snapshot is NULL afterwards). The result of the one before must have been
 * fetched. */
void saver_submit(struct saver *s, struct snapshot **snapshot);

/* How the last snapshot fared, once. PENDING: still being written, only without wait. */
enum saver_result { SAVER_NOTHING, SAVER_PENDING, SAVER_SAVED, SAVER_FAILED };
/* rc, e and step (may be NULL) are set with FAILED; step also with SAVED. */
enum saver_result saver_result(struct saver *s, bool wait, enum status *rc, int64_t *step,
                               struct error *e);

#endif
