/* run_folder: the folder of a run: its lock, resolved recipe, logs and checkpoints. */
#ifndef PIPELINE_RUN_RUN_FOLDER_H
#define PIPELINE_RUN_RUN_FOLDER_H

#include "pipeline/base/file.h"
#include "pipeline/base/text.h"
#include "pipeline/run/saver.h"
#include "pipeline/run/snapshot.h"
#include "pipeline/train/job.h"

/* The repeatable logs (true) have no clock times: equal runs give equal bytes, and a resumed run
 * truncates them to its checkpoint. timing.jsonl only grows. */
#define RUN_LOG_LIST(X)                                                                            \
    X(METRICS, "metrics.jsonl", true)                                                              \
    X(EVALUATION, "evaluation.jsonl", true)                                                        \
    X(QUARANTINE, "quarantine.jsonl", true)                                                        \
    X(SKIPPED, "skipped.jsonl", true)                                                              \
    X(TIMING, "timing.jsonl", false)

#define RUN_LOG_ENUM(name, file, is_repeatable) RUN_##name,
enum run_log { RUN_LOG_LIST(RUN_LOG_ENUM) RUN_LOGS };
#undef RUN_LOG_ENUM

/* Facts that may differ between checkpoint and run, by name: recipe, data, base_weights, tokenizer,
 * numerics, version. */
struct run_allowed {
    const char *const *item;
    int n;
};
/* BAD_ARG when an item is not one of these names. */
enum status run_allowed_check(const struct run_allowed *a, struct error *e);

struct run_folder {
    char path[FILE_PATH_MAX];
    const struct recipe *recipe;
    struct run_allowed allowed; /* none, until the caller sets it */
    struct file *lock;
    bool is_new; /* made by run_folder_open */
    struct {
        struct file *file;
        uint64_t size;       /* bytes of whole lines in the file */
        struct text waiting; /* lines that the disk has not accepted yet */
    } log[RUN_LOGS];
    struct saver *saver; /* NULL until the first checkpoint */
    int n_failed_saves;  /* in a row */
    int64_t n_saved;     /* checkpoints committed by this process */
};

/* Creates the folder, takes its lock and opens log.txt. Errors: IN_USE, STORAGE. Unless resume is a
 * path, also NO_CHECKPOINT when fresh_start_check refuses the folder, and UNSUPPORTED when its
 * newest checkpoint is of a newer version. After those two the folder is unchanged. */
enum status run_folder_open(struct run_folder *f, const char *path, const struct recipe *r,
                            const char *resume, struct error *e);
void run_folder_close(struct run_folder *f);
/* Call before run_folder_close when the run has not begun: removes the folder if run_folder_open
 * created it and it holds only lock and log. */
void run_folder_discard(struct run_folder *f);

/* Loads the state to start from. resume: `auto` takes the newest valid checkpoint; `never` refuses
 * a folder with checkpoints; a path names a checkpoint of this run, and newer ones are set aside.
 * The checkpoint's recipe, data, weights and numerics must match the job (MISMATCH names the first
 * that does not). Opens the logs, truncated to the position, and writes recipe.resolved.json. */
enum status run_folder_load(struct run_folder *f, struct job *j, const char *resume,
                            struct run_position *p, struct error *e);
/* For a plan: finds the step that run_folder_load would start from (0 for a fresh start), with the
 * same errors. f needs only path, recipe and allowed. Writes nothing. */
enum status run_folder_look(struct run_folder *f, const struct job *j, const char *resume,
                            int64_t *step, struct error *e);

/* Loads weights and states of an older checkpoint: that of save_plan_back; if it is missing or
 * damaged, the nearest before it; else the oldest valid one. Sets p to the step and updates of that
 * checkpoint. The job's ledger counts the samples trained since as skipped. Logs are unchanged.
 * NO_CHECKPOINT when none is valid. */
enum status run_folder_go_back(struct run_folder *f, struct job *j, int64_t step,
                               struct run_position *p, struct error *e);

/* Appends line and a line end to a log; releases line. If the write fails, the line waits in memory
 * for the next line or checkpoint; the first failure is a warning. STORAGE when too many bytes
 * wait. */
enum status run_folder_log(struct run_folder *f, enum run_log log, struct text *line,
                           struct error *e);

/* The path of a log. */
enum status run_folder_log_path(const struct run_folder *f, enum run_log log,
                                char path[FILE_PATH_MAX], struct error *e);

/* Copies the state; a thread writes it during the following steps. Waits only for an earlier
 * checkpoint still being written. is_last: this process will not save again, so return after the
 * commit. A failed checkpoint keeps the older ones and is a warning, but the third failure in a
 * row, or a failure of the last checkpoint, is STORAGE. Failures are reported here or by
 * run_folder_poll. */
enum status run_folder_save(struct run_folder *f, const struct job *j, const struct run_position *p,
                            bool is_last, struct error *e);
/* Call after each step: reports a checkpoint that has failed meanwhile. */
enum status run_folder_poll(struct run_folder *f, struct error *e);
/* Waits until nothing is being written. */
enum status run_folder_settle(struct run_folder *f, struct error *e);

#endif
