#include "pipeline/run/progress.h"

#include "data/stream/stream_order.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

void progress_begin(struct progress *p, int64_t first_step) {
    p->started = p->shown = clock_seconds();
    p->first_step = first_step;
}

double progress_rate(const struct progress *p, int64_t step) {
    const double spent = clock_seconds() - p->started;
    return (double)((step - p->first_step) * p->pairs) / (spent > 0 ? spent : 1e-9);
}

/* Epochs of the sources of pairs: "emoji 2.50, buffer 0.12". */
static void show_epochs(const struct stream_order *o, int64_t stage_step, char *out, size_t n) {
    const struct stream_config *c = stream_order_config(o);
    size_t used = 0;
    *out = '\0';
    for (int p = 0; p < c->n_parts; p++)
        for (int i = 0; i < c->part[p].n_sources && used < n; i++) {
            const double draws = (double)stream_order_draws(o, p, i, stage_step);
            if (stream_order_batch_role(c->part[p].role) != BATCH_ROLE_UPDATE) continue;
            used += (size_t)snprintf(out + used, n - used, "%s%s %.2f", used ? ", " : "",
                                     stream_order_name(c, p, i),
                                     draws / (double)stream_order_epoch(o, p, i));
        }
}

/* Every loss: "  NAME 3.9120 (chance 4.16)  OTHER 0.0012". */
static void show_losses(const struct learner *l, const struct learner_numbers *numbers, char *out,
                        size_t n) {
    size_t used = 0;
    *out = '\0';
    for (int i = 0; i < l->n_losses && used < n; i++) {
        const double loss = numbers->loss[i];
        /* no -0.0000 */
        used += (size_t)snprintf(out + used, n - used, "  %s %.4f", l->loss[i].name,
                                 fabs(loss) < 5e-5 ? 0 : loss);
        if (l->loss[i].chance > 0 && used < n)
            used += (size_t)snprintf(out + used, n - used, " (chance %.2f)", l->loss[i].chance);
    }
}

void progress_show(struct progress *p, const struct run_moment *at, const struct learner *l,
                   const struct learner_numbers *n, double wait_ms, const struct stream *stream) {
    const double now = clock_seconds();
    const int64_t steps = at->step - p->first_step;
    const double left = (double)(p->total - at->step) * (now - p->started) /
                        (double)(steps > 0 ? steps : 1); /* seconds */
    char losses[256], line[512], epochs[512];
    show_losses(l, n, losses, sizeof losses);
    snprintf(line, sizeof line,
             "%s step %" PRId64 "/%" PRId64 "  %.0f pairs/s%s  wait %.1f ms  ETA %d:%02d",
             at->stage, at->step, p->total, progress_rate(p, at->step), losses, wait_ms,
             (int)left / 60, (int)left % 60);
    log_progress("%s", line);
    if (now - p->shown < 10 && at->step != p->total) return;
    p->shown = now;
    show_epochs(stream_order_of(stream), at->stage_step, epochs, sizeof epochs);
    log_info("%s  epochs %s", line, epochs);
}
