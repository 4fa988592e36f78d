/* snapshot: the state of a run at one step, copied into memory, so that it can be written while the
 * run goes on. Also the facts that a checkpoint states about its run. */
#ifndef PIPELINE_RUN_SNAPSHOT_H
#define PIPELINE_RUN_SNAPSHOT_H

#include "pipeline/run/checkpoint.h"
#include "pipeline/run/save_plan.h"
#include "pipeline/train/job.h"

/* Where a run is: everything of its state that is no tensor. */
struct run_position {
    int64_t step; /* steps done */
    int64_t skips, skips_in_a_row;
    int64_t rewinds, last_rewind; /* how often it went back lately, and at which step last */
    uint64_t digest;              /* order of the samples so far */
    bool owes_evaluation;         /* a stage has just ended and has not been evaluated */
    bool is_resumed;
};

/* The first SNAPSHOT_FACTS_COMPARED must not change between two parts of a run: recipe, data,
 * base_weights, tokenizer, numerics, version. The others are the position and the learner's counts.
 */
enum {
    SNAPSHOT_FACTS_COMPARED = 6,
    SNAPSHOT_FACTS_OWN = 12,
    SNAPSHOT_FACTS_MAX = SNAPSHOT_FACTS_OWN + LEARNER_COUNTS_MAX,
    SNAPSHOT_FACT_TEXT_MAX = 320
};

/* Their names, as --allow-change takes them. */
extern const char *const snapshot_compared[SNAPSHOT_FACTS_COMPARED];

struct snapshot_facts {
    int n;
    struct checkpoint_fact fact[SNAPSHOT_FACTS_MAX]; /* points into value: do not copy the struct */
    char value[SNAPSHOT_FACTS_MAX][SNAPSHOT_FACT_TEXT_MAX];
    char count[LEARNER_COUNTS_MAX][64]; /* names */
};
void snapshot_facts_collect(struct snapshot_facts *f, const struct job *j,
                            const struct run_position *p);
/* The position that a checkpoint states. */
void snapshot_position(const struct checkpoint *c, struct run_position *p);

enum { SNAPSHOT_LOGS_MAX = 8 };

struct snapshot {
    int64_t step;
    uint64_t digest;
    int keep; /* checkpoints to keep, this one included, beside the anchors */
    int n_anchors;
    int64_t anchor[SAVE_PLAN_ANCHORS_MAX];
    struct snapshot_facts facts;
    struct safetensors_content weights, states; /* owned */
    struct safetensors_tensor *state;
    const char *recipe; /* lives as long as the run */
    struct text ledger;
    const char *log[SNAPSHOT_LOGS_MAX];
    uint64_t log_size[SNAPSHOT_LOGS_MAX]; /* whole lines of the steps up to this one */
    int n_logs;
};

/* Copies weights, states and position. *out is NULL after a failure. Errors: NO_MEMORY, GPU. */
enum status snapshot_take(struct snapshot **out, const struct job *j, const struct run_position *p,
                          struct error *e);
/* Names a log and the bytes of it that belong to the snapshot. */
void snapshot_add_log(struct snapshot *s, const char *name, uint64_t size);
/* Writes it as a checkpoint of the run; what checkpoint.h promises holds. Uses nothing of the job,
 * so that another thread may do it. lock: the run's, IN_USE when it was removed meanwhile. Errors:
 * STORAGE, NO_MEMORY. */
enum status snapshot_write(const struct snapshot *s, const char *run, const struct file *lock,
                           struct error *e);
void snapshot_destroy(struct snapshot **s);

#endif
