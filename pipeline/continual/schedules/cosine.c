/* cosine: the learning rate of a step: linear warm-up over W steps, then half a cosine to a floor.
 *   n < W:  peak (n + 1) / W
 *   else    low + (peak - low) / 2 (1 + cos(pi (n - W + 1) / (N - W))),  low = lr_floor peak
 * n counts the steps of the stage from 0, N is their total; the last step ends exactly at low. W is
 * at most N. Source: FoMo-in-Flux, rewarmed cosine. */
#include "pipeline/base/log.h"
#include "pipeline/continual/plug.h"

#include <math.h>
#include <stddef.h>

struct cosine_fields {
    struct plug_fields plug;
    double lr_floor;
    int64_t warmup;
};

struct cosine {
    struct plug plug;
    bool has_warned;
};

static const struct schema_field fields[] = {
    {"lr_floor", SCHEMA_DOUBLE, offsetof(struct cosine_fields, lr_floor), .max = 1, .preset = "0",
     .help = "share of the peak that is left at the end of the cosine"},
    {"warmup", SCHEMA_INT, offsetof(struct cosine_fields, warmup), .max = 1e12, .preset = "0",
     .help = "steps of linear warm-up, in each stage"},
};

static double rate(const struct cosine_fields *f, const struct plug_moment *m) {
    const double pi = 3.14159265358979323846, peak = m->peak_rate, low = f->lr_floor * peak;
    const int64_t n = m->stage_step, total = m->stage_steps;
    const int64_t warmup = f->warmup < total ? f->warmup : total;
    if (n < warmup) return peak * (double)(n + 1) / (double)warmup;
    if (n >= total) return low;
    const double done = (double)(n - warmup + 1) / (double)(total - warmup);
    return low + (peak - low) / 2 * (1 + cos(pi * done));
}

static enum status before_step(struct plug *p, struct learner *l, const struct plug_moment *m,
                               struct error *e) {
    (void)e;
    l->rate = rate(p->fields, m);
    return STATUS_OK;
}

static enum status check_stage(struct plug *p, struct learner *l, const struct plug_moment *m,
                               struct error *e) {
    struct cosine *t = (struct cosine *)p;
    const struct cosine_fields *f = p->fields;
    (void)l;
    (void)e;
    if (f->warmup < m->stage_steps || f->warmup == 0 || t->has_warned) return STATUS_OK;
    log_warning(
        "stage %s: optimizer.warmup is %lld, but the stage has %lld steps: its learning rate "
        "rises to the end and never falls; lower the warm-up",
        m->stage_name, (long long)f->warmup, (long long)m->stage_steps);
    t->has_warned = true;
    return STATUS_OK;
}

const struct plug_class plug_cosine = {
    .schema = SCHEMA_HELPED("cosine", struct cosine_fields, fields,
                            "linear warm-up, then half a cosine, in each stage"),
    .point = PLUG_SCHEDULE,
    .source = "FoMo-in-Flux (Roth et al. 2024), rewarmed cosine",
    .bytes = sizeof(struct cosine),
    .at = {[PLUG_CHECK_STAGE] = check_stage, [PLUG_BEFORE_STEP] = before_step},
};
