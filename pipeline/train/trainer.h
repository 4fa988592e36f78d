/* trainer: walks the steps of a run. It owns everything and computes nothing.
 *
 * A run folder holds: recipe.resolved.json, metrics.jsonl (one line per logged step, no clock
 * times: equal runs give equal bytes), timing.jsonl, evaluation.jsonl, quarantine.jsonl (samples
 * that cannot be used), skipped.jsonl (steps without an update), log.txt, checkpoints/, cache/, and
 * at the end weights/.
 *
 * What is not finite never reaches a weight. Such a step is computed again: other bits are wrong
 * arithmetic (SELF_CHECK); the same are answered as recipe.non_finite says. A device that is lost
 * is opened again once and the run goes on from its newest checkpoint. */
#ifndef PIPELINE_TRAIN_TRAINER_H
#define PIPELINE_TRAIN_TRAINER_H

#include "pipeline/run/run_folder.h"
#include "pipeline/train/watchdog.h"

#include <signal.h>

struct trainer_options {
    struct recipe *recipe; /* stages with epochs get their steps */
    const char *run;                   /* folder, made when missing */
    const char *resume;                /* auto, never or a checkpoint: run_folder_load */
    struct run_allowed allowed;        /* what may differ from the checkpoint */
    const volatile sig_atomic_t *save; /* a change: checkpoint and go on; may be NULL */
    /* Called from another thread when nothing moves any more, to end the process with STALLED;
     * NULL: waits have no deadline. */
    watchdog_bark *stalled;
};

/* Trains to the end of the last stage. OK: done, also when it was done already. STOPPED: a stop
 * (stop.h) was requested, and what was done is saved; run again. Others as in status.h; the newest
 * checkpoint stays valid in every case. */
enum status trainer_run(const struct trainer_options *o, struct error *e);

#endif
