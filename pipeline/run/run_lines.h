/* run_lines: what the lines of a run's logs say.
 *
 *   metrics.jsonl      every log_every steps: rate, losses, norm, holes and the digest of the order
 *   timing.jsonl       at the same steps: times, and the epochs of every source
 *   skipped.jsonl      steps without an update, and returns to older weights
 *   quarantine.jsonl   samples that cannot be used; read back when a stage is opened in its middle
 *
 * All but timing hold no clock times, so equal runs give equal bytes. Errors: those of
 * run_folder_log. */
#ifndef PIPELINE_RUN_RUN_LINES_H
#define PIPELINE_RUN_RUN_LINES_H

#include "data/stream/stream.h"
#include "pipeline/run/run_folder.h"

/* Where the run is when it writes a line. */
struct run_moment {
    int64_t step;       /* steps done */
    const char *stage;  /* its name */
    int64_t stage_step; /* steps done of it */
};

/* lr: the rate of this step. */
enum status run_lines_metrics(struct run_folder *f, const struct run_moment *at,
                              const struct learner *l, const struct learner_numbers *n, double lr,
                              const struct batch *batch, struct error *e);

struct run_times {
    double pairs_per_s;      /* since the process began training */
    double step_ms, wait_ms; /* of this step; wait: for its batch */
    double save_ms;          /* that checkpoints blocked training since the last line */
};
enum status run_lines_timing(struct run_folder *f, const struct run_moment *at,
                             const struct run_times *times, const struct stream *stream,
                             struct error *e);

/* A step without an update, with the samples of all its parts, part by part. */
enum status run_lines_skipped(struct run_folder *f, const struct run_moment *at,
                              const struct learner_numbers *n, const struct batch *batch,
                              struct error *e);
/* The run went back to the weights of another step. */
enum status run_lines_went_back(struct run_folder *f, const struct run_moment *at, int64_t to,
                                struct error *e);

enum status run_lines_hole(struct run_folder *f, const char *stage, const struct stream_hole *hole,
                           struct error *e);
/* Tells a stream that is opened in the middle of its stage of the holes logged so far
 * (stream_recall). A line that cannot be read is a warning. */
enum status run_lines_recall_holes(const struct run_folder *f, const char *stage,
                                   struct stream *stream, struct error *e);

#endif
