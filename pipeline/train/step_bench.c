#include "pipeline/train/step_bench.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/random.h"
#include "pipeline/continual/plug.h"

#include <stdlib.h>

/* A batch of noise. */
struct noise {
    struct batch batch;
    uint8_t *pixels, *usable;
    int32_t *tokens, *length, *caption_id;
    uint64_t *sample_id;
};

static void noise_release(struct noise *n) {
    free(n->pixels);
    free(n->usable);
    free(n->tokens);
    free(n->length);
    free(n->caption_id);
    free(n->sample_id);
}

static enum status noise_init(struct noise *n, const struct step_bench *b,
                              const struct architecture *a, struct error *e) {
    const size_t samples = (size_t)b->batch;
    const size_t pixels = samples * (size_t)a->image_size * (size_t)a->image_size * 3;
    struct random r = random_begin(0, RANDOM_TEST, 0, 0);
    *n = (struct noise){.pixels = malloc(pixels),
                        .usable = malloc(samples),
                        .tokens = calloc(samples * (size_t)a->context, sizeof *n->tokens),
                        .length = malloc(samples * sizeof *n->length),
                        .caption_id = malloc(samples * sizeof *n->caption_id),
                        .sample_id = calloc(samples, sizeof *n->sample_id)};
    if (!n->pixels || !n->usable || !n->tokens || !n->length || !n->caption_id || !n->sample_id)
        return fail(e, STATUS_NO_MEMORY, "bench: no memory for a batch of %d", b->batch);
    for (size_t i = 0; i < pixels; i++) n->pixels[i] = (uint8_t)random_u32(&r);
    for (int i = 0; i < b->batch; i++) {
        int32_t *ids = n->tokens + (int64_t)i * a->context;
        for (int k = 0; k < b->caption_tokens; k++)
            ids[k] = (int32_t)random_below(&r, (uint64_t)a->vocabulary - 2);
        ids[0] = a->vocabulary - 2;
        ids[b->caption_tokens - 1] = a->vocabulary - 1;
        n->length[i] = b->caption_tokens;
        n->caption_id[i] = i;
        n->usable[i] = 1;
    }
    n->batch.n_parts = 1;
    n->batch.part[0] = (struct batch_part){.role = BATCH_ROLE_UPDATE,
                                           .n = b->batch,
                                           .n_views = 1,
                                           .image_size = a->image_size,
                                           .context = a->context,
                                           .pixels = n->pixels,
                                           .tokens = n->tokens,
                                           .length = n->length,
                                           .caption_id = n->caption_id,
                                           .sample_id = n->sample_id,
                                           .usable = n->usable};
    return STATUS_OK;
}

static int rising(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static enum status run_steps(struct step_bench_result *out, const struct step_bench *b,
                             struct learner *l, const struct plug_set *plugs, struct noise *n,
                             struct error *e) {
    enum status rc = STATUS_OK;
    double *times = malloc((size_t)b->steps * sizeof *times);
    if (!times) return fail(e, STATUS_NO_MEMORY, "bench: no memory for %d times", b->steps);
    for (int i = 0; i < b->steps; i++) {
        struct learner_numbers numbers;
        const double begin = clock_seconds();
        const struct plug_moment moment = {
            .stage_step = i, .stage_steps = b->steps + 1, .peak_rate = 1e-4, .batch = &n->batch};
        n->batch.step = i;
        TRY(learner_feed(l, &n->batch, e));
        TRY(plug_set_at(plugs, PLUG_BEFORE_STEP, l, &moment, e));
        TRY(learner_gradients(l, &numbers, e));
        TRY(learner_update(l, e));
        TRY(plug_set_at(plugs, PLUG_AFTER_UPDATE, l, &moment, e));
        TRY(l->backend->table->wait(l->backend, e));
        times[i] = clock_seconds() - begin;
        /* Those of the first step are dropped, unless it is the only one. */
        if (l->backend->is_timed && (i == 0 || i == b->steps - 1))
            TRY(l->backend->table->times(l->backend, &out->times, e));
        if (i == 0) out->loss_first = numbers.total;
        out->loss_last = numbers.total;
    }
    /* The first step compiles the text program; it counts for the best only. */
    const int first = b->steps > 1;
    out->steps_timed = b->steps - first;
    for (int i = first; i < b->steps; i++) out->seconds_timed += times[i];
    qsort(times + first, (size_t)(b->steps - first), sizeof *times, rising);
    out->pairs_per_s_best = b->batch / times[first];
    out->pairs_per_s_median = b->batch / times[first + (b->steps - first) / 2];
    out->planned_bytes = learner_bytes(l);
    out->flops_per_pair = learner_flops(l) / b->batch;
done:
    free(times);
    return rc;
}

enum status step_bench_run(struct step_bench_result *out, const struct step_bench *b,
                           struct backend *backend, struct error *e) {
    enum status rc = STATUS_OK;
    struct model_config c = {.adapters = {.lora_rank = b->rank,
                                          .lora_alpha = (float)b->rank,
                                          .lora_on = {true, true, true, true},
                                          .tower = {true, true},
                                          .last_layer = -1},
                             .training = b->all ? MODEL_TRAIN_ALL : MODEL_TRAIN_ADAPTERS,
                             .train_logit_scale = true};
    const struct plug_host host = {.n_samples = {[BATCH_ROLE_UPDATE] = b->batch}};
    struct model m = {0};
    struct learner l = {0};
    struct plug_set plugs = {0};
    struct noise n = {0};
    *out = (struct step_bench_result){0};
    TRY(architecture_find(&c.architecture, b->architecture, e));
    if (b->caption_tokens > c.architecture.context)
        TRY(fail(e, STATUS_BAD_ARG, "--caption-tokens %d; expected at most %d, the context of %s",
                 b->caption_tokens, c.architecture.context, b->architecture));
    TRY(noise_init(&n, b, &c.architecture, e));
    TRY(model_declare(&m, &c, e));
    TRY(learner_init(&l, &m, b->slice, e));
    l.memory_bytes = b->memory_bytes;
    TRY(plug_set_defaults(&plugs, &host, e));
    TRY(plug_set_declare(&plugs, &l, e));
    TRY(model_allocate(&m, backend, 1, NULL, e));
    TRY(learner_allocate(&l, e));
    TRY(plug_set_build(&plugs, &l, e));
    TRY(learner_compile(&l, e));
    TRY(run_steps(out, b, &l, &plugs, &n, e));
done:
    plug_set_release(&plugs);
    learner_release(&l);
    model_release(&m);
    noise_release(&n);
    return rc;
}
