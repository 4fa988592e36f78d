/* stage_facts: what the steps of a stage are in samples, known before the first one is read.
 *
 *   draws of a source per step  n x its share of the part (by ratios, else by sizes)
 *   passes                      steps x draws / samples of the source */
#ifndef PIPELINE_TRAIN_STAGE_FACTS_H
#define PIPELINE_TRAIN_STAGE_FACTS_H

#include "data/stream/stream.h"
#include "pipeline/recipe/recipe.h"
#include "pipeline/train/run_data.h"

struct stage_source {
    const char *name; /* of the config's dataset or selection */
    int64_t samples,
        usable; /* usable: as far as the index tells: a picture, a caption, no damage */
    double draws;            /* per step */
    double passes;           /* in all steps of the stage */
};

/* The sources of the stage's main role; returns how many. c: as run_data_stage or
 * run_data_stage_parts gives it. */
int stage_facts(struct stage_source out[ORDER_SOURCES_MAX], const struct recipe *r, int stage,
                const struct stream_config *c);

/* Gives each stage with epochs its steps: ceil(epochs x samples / n), n pairs of a step being new.
 * Errors: those of run_data_stage_parts, NO_MEMORY. */
enum status stage_facts_count_steps(struct recipe *r, struct run_data *d, struct error *e);

/* Warns of a step that draws more pairs from a source than it has usable samples, which is allowed
 * but rarely meant. *told: the warning was given for an earlier stage and is not repeated. */
void stage_facts_warn(const struct recipe *r, int stage, const struct stream_config *c, bool *told);

/* Appends one line for a person: "icons: 150 steps x 64 pairs, 7.40 passes over icons (1297
 * samples)" */
void stage_facts_line(struct text *out, const struct recipe *r, int stage,
                      const struct stream_config *c);

#endif
