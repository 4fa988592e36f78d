/* run_folder: what a run keeps on disk: its lock, resolved recipe, logs and checkpoints. */
#ifndef PIPELINE_RUN_RUN_FOLDER_H
#define PIPELINE_RUN_RUN_FOLDER_H

#include "pipeline/base/file.h"
#include "pipeline/base/text.h"
#include "pipeline/run/saver.h"
#include "pipeline/run/snapshot.h"
#include "pipeline/train/job.h"

/* Logs without clock times: equal runs give equal bytes, and a resumed run cuts them back to its
 * checkpoint. timing.jsonl only grows. */
#define RUN_LOG_LIST(X)                                                                            \
    X(METRICS, "metrics.jsonl", true)                                                              \
    X(EVALUATION, "evaluation.jsonl", true)                                                        \
    X(QUARANTINE, "quarantine.jsonl", true)                                                        \
    X(SKIPPED, "skipped.jsonl", true)                                                              \
    X(TIMING, "timing.jsonl", false)

#define RUN_LOG_ENUM(name, file, is_repeatable) RUN_##name,
enum run_log { RUN_LOG_LIST(RUN_LOG_ENUM) RUN_LOGS };
#undef RUN_LOG_ENUM

/* Facts of a checkpoint that may differ from those of the run: recipe, data, base_weights,
 * tokenizer, numerics, version. */
struct run_allowed {
    const char *const *item;
    int n;
};
/* BAD_ARG when an item is none of these names. */
enum status run_allowed_check(const struct run_allowed *a, struct error *e);

struct run_folder {
    char path[FILE_PATH_MAX];
    const struct recipe *recipe;
    struct run_allowed allowed; /* none, until the caller says */
    struct file *lock;
    bool is_new; /* made by run_folder_open */
    struct {
        struct file *file;
        uint64_t size;       /* bytes of whole lines in the file */
        struct text waiting; /* lines that a full disk has not taken yet */
    } log[RUN_LOGS];
    struct saver *saver; /* NULL until the first checkpoint */
    int n_failed_saves;  /* in a row */
    int64_t n_saved;     /* checkpoints committed by this process */
};

/* Makes the folder, takes its lock and opens log.txt. Errors: IN_USE, STORAGE; when resume is
 * no place: NO_CHECKPOINT where fresh_start.h refuses the folder, UNSUPPORTED where its newest
 * checkpoint is of a newer version. The folder is then as it was. */
enum status run_folder_open(struct run_folder *f, const char *path, const struct recipe *r,
                            const char *resume, struct error *e);
void run_folder_close(struct run_folder *f);
/* Before run_folder_close, when nothing was begun: removes the folder if run_folder_open made it
 * and it holds nothing but lock and log. */
void run_folder_discard(struct run_folder *f);

/* Finds where to begin. resume: `auto`, the newest valid checkpoint; `never`, a folder that has
 * checkpoints is refused; or the folder of a checkpoint of this run, newer ones are set aside. The
 * checkpoint's recipe, data, weights and numerics must be those of the job (MISMATCH names the
 * first that is not). Opens the logs, cut to the position, and writes recipe.resolved.json. */
enum status run_folder_load(struct run_folder *f, struct job *j, const char *resume,
                            struct run_position *p, struct error *e);
/* For a plan: the step that run_folder_load would go on from, 0 for a fresh start, with the same
 * errors. f needs path, recipe and allowed only; nothing is written. */
enum status run_folder_look(struct run_folder *f, const struct job *j, const char *resume,
                            int64_t *step, struct error *e);

/* Loads weights and states of an older checkpoint, that of save_plan_back or, when it is missing or
 * damaged, the nearest before it, else the oldest valid one; p says then which step they are of and
 * its updates, and the job's ledger counts what was trained since as skipped. Logs stay as they
 * are. NO_CHECKPOINT when none is valid. */
enum status run_folder_go_back(struct run_folder *f, struct job *j, int64_t step,
                               struct run_position *p, struct error *e);

/* Appends text and a line end to a log; releases text. A line that cannot be written waits in
 * memory for the next one or the next checkpoint; the first time that is a warning. STORAGE when
 * too many wait. */
enum status run_folder_log(struct run_folder *f, enum run_log log, struct text *line,
                           struct error *e);

/* Where a log is. */
enum status run_folder_log_path(const struct run_folder *f, enum run_log log,
                                char path[FILE_PATH_MAX], struct error *e);

/* Copies the state and lets it be written behind the following steps; waits only for a checkpoint
 * that is still being written. With is_last, which says that this process will not save again, it
 * returns after the commit. A failed checkpoint keeps the older ones and is a warning, but an error
 * (STORAGE) when it is the third in a row or the last; it is told here or by run_folder_poll. */
enum status run_folder_save(struct run_folder *f, const struct job *j, const struct run_position *p,
                            bool is_last, struct error *e);
/* After each step: looks whether a checkpoint has failed meanwhile. */
enum status run_folder_poll(struct run_folder *f, struct error *e);
/* Waits until nothing is being written. */
enum status run_folder_settle(struct run_folder *f, struct error *e);

#endif
