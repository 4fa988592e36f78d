#include "pipeline/continual/losses/loss.h"

void loss_weigh(const struct plug *p, struct learner *l, int number, double share, int64_t step) {
    const struct loss_fields *f = p->fields;
    const int64_t ramp = f->ramp_steps;
    const double done = ramp > 0 && step < ramp ? (double)(step + 1) / (double)(ramp + 1) : 1;
    learner_weigh(l, number, f->weight * share * done);
}
