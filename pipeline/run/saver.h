/* saver: a thread that writes snapshots as checkpoints while the run continues, one at a time.
 *
 * Submitting a snapshot costs nothing: it is already a copy. The thread logs "checkpoint N
 * committed" after the last sync; saver_result reports failures. The thread takes no signals. */
#ifndef PIPELINE_RUN_SAVER_H
#define PIPELINE_RUN_SAVER_H

#include "pipeline/run/snapshot.h"

struct saver;

/* run: path of the run folder, copied. lock: its lock; the caller must hold it until the saver is
 * destroyed. */
enum status saver_create(struct saver **out, const char *run, const struct file *lock,
                         struct error *e);
/* Waits for the checkpoint being written, then ends the thread. *s may be NULL. */
void saver_destroy(struct saver **s);

/* Takes the snapshot (*snapshot is NULL afterwards). The result of the previous one must have been
 * fetched. */
void saver_submit(struct saver *s, struct snapshot **snapshot);

/* The result of the last snapshot, given once. PENDING: still being written; only without wait. */
enum saver_result { SAVER_NOTHING, SAVER_PENDING, SAVER_SAVED, SAVER_FAILED };
/* FAILED sets rc, e and step (each may be NULL); SAVED sets step. */
enum saver_result saver_result(struct saver *s, bool wait, enum status *rc, int64_t *step,
                               struct error *e);

#endif
