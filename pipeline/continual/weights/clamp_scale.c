/* clamp_scale: the logit scale stays within [1, max], as CLIP was trained. A model with a logit
 * bias (SigLIP) may have a larger scale and is left alone. Source: Radford et al. 2021,
 * section 2.5. */
#include "models/ops/clamp.h"
#include "pipeline/continual/plug.h"

#include <math.h>
#include <stddef.h>

struct clamp_scale_fields {
    struct plug_fields plug;
    double max;
};

static const struct schema_field fields[] = {
    PLUG_NAME,
    {"max", SCHEMA_DOUBLE, offsetof(struct clamp_scale_fields, max), .min = 1, .max = 1e6,
     .preset = "100", .help = "largest factor of the similarities"},
};

/* The parameter is the logarithm of the scale. */
static enum status build(struct plug *base, struct learner *l, struct error *e) {
    const struct clamp_scale_fields *f = base->fields;
    const struct parameters *p = &l->model->parameters;
    struct graph *g = learner_graph(l, LEARNER_UPDATE);
    const int scale = parameters_find(p, "logit_scale");
    if (scale < 0 || !p->list[scale].is_trainable || l->model->architecture.has_logit_bias)
        return STATUS_OK;
    const int64_t from = p->list[scale].offset;
    clamp_update(g, learner_range(g, "logit_scale", l->model->student, from, from + 4),
                 (struct clamp_options){.low = 0, .high = logf((float)f->max)});
    return graph_status(g, e);
}

const struct plug_class plug_clamp_scale = {
    .schema = SCHEMA_HELPED("clamp_scale", struct clamp_scale_fields, fields,
                            "keeps the logit scale within 1 and max after each update"),
    .point = PLUG_CONSTRAINT,
    .source = "Radford et al. 2021 (CLIP), section 2.5",
    .bytes = sizeof(struct plug),
    .build = {[PLUG_CONSTRAIN] = build},
};
