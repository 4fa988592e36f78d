/* trainer: runs the steps of a run. It owns everything and computes nothing itself.
 *
 * A run folder holds: recipe.resolved.json, metrics.jsonl (one line per logged step, no clock
 * times: equal runs give equal bytes), timing.jsonl, evaluation.jsonl, quarantine.jsonl (samples
 * that cannot be used), skipped.jsonl (steps without an update), log.txt, checkpoints/, cache/, and
 * at the end weights/.
 *
 * Numbers that are not finite never reach a weight. Such a step is computed again: if the bits
 * differ, the arithmetic is wrong (SELF_CHECK); if they are equal, recipe.non_finite decides. A
 * lost device is opened again once, and the run continues from its newest checkpoint. */
#ifndef PIPELINE_TRAIN_TRAINER_H
#define PIPELINE_TRAIN_TRAINER_H

#include "pipeline/run/run_folder.h"
#include "pipeline/train/watchdog.h"

#include <signal.h>

struct trainer_options {
    struct recipe *recipe; /* steps of stages given in epochs get set */
    const char *run;                   /* folder, created when missing */
    const char *resume;                /* auto, never or a checkpoint: run_folder_load */
    struct run_allowed allowed;        /* what may differ from the checkpoint */
    const volatile sig_atomic_t *save; /* when it changes: save a checkpoint and continue; may be
                                          NULL */
    /* Called from another thread when nothing makes progress, to end the process with STALLED;
     * NULL: waits have no deadline. */
    watchdog_bark *stalled;
};

/* Trains to the end of the last stage. OK: done, now or earlier. STOPPED: a stop (stop.h) was
 * requested and the state is saved; run again to continue. Others as in status.h. The newest
 * checkpoint stays valid in every case. */
enum status trainer_run(const struct trainer_options *o, struct error *e);

#endif
