/* progress: the line that tells a person how far a run is. */
#ifndef PIPELINE_RUN_PROGRESS_H
#define PIPELINE_RUN_PROGRESS_H

#include "pipeline/run/run_lines.h"

struct progress {
    double started, shown; /* seconds */
    int64_t first_step;    /* done before this process began */
    int64_t total;         /* steps of the run */
    int pairs;             /* per step */
};

/* Times count from here. */
void progress_begin(struct progress *p, int64_t first_step);
/* Pairs per second since then. */
double progress_rate(const struct progress *p, int64_t step);
/* On a terminal all the time; every ten seconds, and after the last step, into the log. */
void progress_show(struct progress *p, const struct run_moment *at, const struct learner *l,
                   const struct learner_numbers *n, double wait_ms, const struct stream *stream);

#endif
