/* job: a recipe made real: backend, data, model, plugs and learner, ready for the first step.
 *
 * job_open does everything that does not depend on the step: datasets are opened (and indexed),
 * weights loaded, memory planned, teacher features made or read from the cache, programs compiled.
 *
 * job_look does what a plan needs and writes nothing: no index, no teacher features. */
#ifndef PIPELINE_TRAIN_JOB_H
#define PIPELINE_TRAIN_JOB_H

#include "data/stream/ledger.h"
#include "data/stream/stream.h"
#include "models/learn/learner.h"
#include "pipeline/recipe/recipe.h"
#include "pipeline/train/run_data.h"
#include "pipeline/train/watchdog.h"

struct reference_cache;

struct job {
    const struct recipe *recipe; /* the caller's */
    struct backend *backend;
    struct backend *plan; /* job_look: stands for it where nothing is computed */
    struct tokenizer *tokenizer;
    struct model model;
    struct learner learner;
    struct plug_set plugs;
    struct run_data data;
    struct ledger ledger; /* what became of the samples so far */
    struct reference_cache *references;
    char base_digest[33];
    char cache[4096]; /* folder of indices and teacher features */
    bool look_only;
};

/* Stages with epochs get their steps in the recipe. run: the run folder, for the cache when the
 * recipe names none. watchdog: NULL, or told of each part of the work and, once there is one, of
 * the backend. */
enum status job_open(struct job *j, struct recipe *r, const char *run, struct watchdog *watchdog,
                     struct error *e);
/* For a plan: everything is checked and sized, but a step has no memory and cannot be computed, nor
 * does it have to fit (learner_fits). with_weights: the model's weights have memory, so that
 * base_digest is theirs. run: the folder that a run would have, which need not exist. */
enum status job_look(struct job *j, struct recipe *r, const char *run, bool with_weights,
                     struct error *e);
/* Only backend, model with its weights and, with_texts, tokenizer, which is what job_evaluate
 * needs; without texts a model of pictures and texts needs no vocabulary. */
enum status job_open_model(struct job *j, const struct recipe *r, bool with_texts, struct error *e);
void job_close(struct job *j);

/* What an event of a stage tells plugs, without a batch. */
struct plug_moment job_moment(const struct job *j, int stage, int64_t stage_step);

/* What the loader is to read in a stage, from its step `first_step` on; valid until the next call.
 * Errors: those of run_data_stage. */
enum status job_stream(struct job *j, int stage, int64_t first_step, uint64_t digest,
                       struct stream_config *c, struct error *e);

/* The student's results on n sets, such as the recipe's. moment: as of struct evaluation_model. */
enum status job_evaluate(const struct job *j, const struct evaluation_set *sets, int n,
                         const char *moment, struct evaluation_result *results, struct error *e);
/* For a plan: opens the recipe's sets, counts (evaluation.sets.n) their samples, as
 * evaluation_look. */
enum status job_look_at_evaluation(const struct job *j, struct dataset_counts *counts,
                                   struct error *e);

#endif
