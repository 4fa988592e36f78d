/* loss: what every loss has: fields of its weight. */
#ifndef PIPELINE_CONTINUAL_LOSSES_LOSS_H
#define PIPELINE_CONTINUAL_LOSSES_LOSS_H

#include "pipeline/continual/plug.h"

#include <stddef.h>

/* The first member of the fields of a loss; LOSS_FIELDS are the first fields of its schema. */
struct loss_fields {
    struct plug_fields plug;
    double weight;
    int64_t ramp_steps;
};

#define LOSS_FIELDS                                                                                \
    PLUG_NAME, {"weight",   SCHEMA_DOUBLE, offsetof(struct loss_fields, weight),                   \
                .max = 1e6, .preset = "1", .help = "weight in the sum of losses"},                 \
    {                                                                                              \
        "ramp_steps", SCHEMA_INT, offsetof(struct loss_fields, ramp_steps),                        \
            .max = 1e12, .preset = "0",                                                            \
            .help = "steps of each stage over which the weight grows from 0"                       \
    }

/* Sets the weight of a loss number for a step: share times the weight times its ramp. */
void loss_weigh(const struct plug *p, struct learner *l, int number, double share, int64_t step);

#endif
