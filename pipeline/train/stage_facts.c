#include "pipeline/train/stage_facts.h"

#include "data/stream/stream_order.h"
#include "pipeline/base/log.h"

#include <inttypes.h>
#include <math.h>

static int64_t samples_of(const struct stream_source *s) {
    return s->selection ? s->selection->n : dataset_counts(s->dataset).samples;
}

static int64_t usable_of(const struct stream_part *p, const struct stream_source *s) {
    if (s->selection) return s->selection->n;
    const struct dataset_counts n = dataset_counts(s->dataset);
    int64_t usable = n.samples - n.damaged;
    if (p->n_views > 0 && n.pictures < usable) usable = n.pictures;
    if (p->with_text && n.captions < usable) usable = n.captions;
    return usable;
}

static const struct stream_part *main_part(const struct recipe *r, const struct stream_config *c) {
    for (int p = 0; p < c->n_parts; p++)
        if (c->part[p].role == recipe_main_role(r)) return &c->part[p];
    return NULL;
}

int stage_facts(struct stage_source out[ORDER_SOURCES_MAX], const struct recipe *r, int stage,
                const struct stream_config *c) {
    const struct stream_part *p = main_part(r, c);
    const double steps = (double)recipe_stage(r, stage)->steps;
    double ratios = 0, sizes = 0;
    if (!p) return 0;
    for (int i = 0; i < p->n_sources; i++) {
        ratios += p->source[i].ratio;
        sizes += (double)samples_of(&p->source[i]);
    }
    for (int i = 0; i < p->n_sources; i++) {
        const struct stream_source *s = &p->source[i];
        const int64_t samples = samples_of(s);
        const double share = ratios > 0 ? s->ratio / ratios : (double)samples / sizes;
        out[i] = (struct stage_source){
            .name = s->selection ? s->selection->name : dataset_name(s->dataset),
            .samples = samples,
            .usable = usable_of(p, s),
            .draws = p->n * share,
            .passes = steps * p->n * share / (double)samples};
    }
    return p->n_sources;
}

enum status stage_facts_count_steps(struct recipe *r, struct run_data *d, struct error *e) {
    enum status rc = STATUS_OK;
    struct stream_config c;
    for (int i = 0; i < recipe_n_stages(r); i++) {
        const double epochs = recipe_stage(r, i)->epochs;
        int64_t samples = 0;
        if (epochs == 0) continue;
        TRY(run_data_stage_parts(d, i, &c, e));
        const struct stream_part *p = main_part(r, &c);
        for (int k = 0; k < p->n_sources; k++) samples += samples_of(&p->source[k]);
        const double steps = ceil(epochs * (double)samples / p->n);
        TRY(recipe_set_steps(r, i, steps < 1 ? 1 : (int64_t)steps, e));
    }
done:
    return rc;
}

void stage_facts_warn(const struct recipe *r, int stage, const struct stream_config *c,
                      bool *told) {
    const struct recipe_stage *s = recipe_stage(r, stage);
    struct stage_source source[ORDER_SOURCES_MAX];
    const int n = stage_facts(source, r, stage, c);
    const bool has_pairs = recipe_main_role(r) == BATCH_ROLE_UPDATE;
    for (int i = 0; i < n && has_pairs && !*told; i++) {
        if (source[i].draws <= (double)source[i].usable) continue;
        log_warning("stage %s: a step draws %.0f pairs from source %s, which has %" PRId64
                    " usable samples: the same pairs stand in one batch several times; lower "
                    "data.update.batch_size (or optimizer.accum_freq)",
                    s->name, source[i].draws, source[i].name, source[i].usable);
        *told = true;
    }
}

void stage_facts_line(struct text *out, const struct recipe *r, int stage,
                      const struct stream_config *c) {
    const struct recipe_stage *s = recipe_stage(r, stage);
    struct stage_source source[ORDER_SOURCES_MAX];
    const int n = stage_facts(source, r, stage, c);
    const bool has_pairs = recipe_main_role(r) == BATCH_ROLE_UPDATE;
    text_printf(out, "%s: %" PRId64 " steps x %d %s", s->name, s->steps,
                recipe_slots(r, recipe_main_role(r)), has_pairs ? "pairs" : "pictures");
    for (int i = 0; i < n; i++)
        text_printf(out, ", %.2f %sover %s (%" PRId64 " samples)", source[i].passes,
                    i ? "" : "passes ", source[i].name, source[i].samples);
}
