/* step_bench: measures one training step on synthetic pixels and captions.
 *
 * The step does the work of a CLIP + LoRA step in PyTorch: forward and backward of both towers,
 * contrastive loss, LoRA on qkv, out, fc1, fc2 of every block, AdamW over the adapters and the
 * logit scale. Captions have caption_tokens ids, start and end included; text runs at that
 * length. */
#ifndef PIPELINE_TRAIN_STEP_BENCH_H
#define PIPELINE_TRAIN_STEP_BENCH_H

#include "models/backend.h"

#include <stdint.h>

struct step_bench {
    const char *architecture;
    int batch, slice, rank, caption_tokens, steps;
    bool all; /* train every weight instead of adapters */
    int64_t memory_bytes; /* as in struct learner */
};

struct step_bench_result {
    double pairs_per_s_best, pairs_per_s_median, loss_first, loss_last;
    double flops_per_pair;
    int64_t planned_bytes;
    /* With a backend that is_timed: times of ops over steps_timed steps, and their total. */
    struct op_times times;
    int steps_timed;
    double seconds_timed;
};

enum status step_bench_run(struct step_bench_result *out, const struct step_bench *b,
                           struct backend *backend, struct error *e);

#endif
