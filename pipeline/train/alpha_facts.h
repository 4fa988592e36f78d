/* alpha_facts: how many pictures of the sources have alpha, and what reading makes of it.
 *
 * Reading every picture would take too long, so it looks at no more than ALPHA_FACTS_MAX pictures of
 * a source, spread evenly over it, and stops after ALPHA_FACTS_SECONDS: a slow disk must not hold up
 * the start. */
#ifndef PIPELINE_TRAIN_ALPHA_FACTS_H
#define PIPELINE_TRAIN_ALPHA_FACTS_H

#include "data/shards/dataset.h"
#include "pipeline/base/text.h"
#include "pipeline/train/run_data.h"

enum { ALPHA_FACTS_MAX = 128, ALPHA_FACTS_SECONDS = 1 };

struct alpha_facts {
    int n_looked_at, n_with_alpha;
};

/* Remote shards are not looked at, for that would download them. What cannot be read is passed
 * over: reading it in training says why. */
struct alpha_facts alpha_facts(const struct dataset *d);

/* Appends "it is put on white", or what else the rule does with alpha, and how to change that. */
void alpha_facts_rule(struct text *out, struct image_rule rule);

/* A line of the log for each source that has alpha; a warning where alpha is left out. */
enum status alpha_facts_tell(const struct run_data *d, struct error *e);

#endif
