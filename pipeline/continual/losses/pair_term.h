/* pair_term: what the losses over the update pairs share: pictures and texts through the student,
 * which captions are the same, which samples count. A loss puts these functions into its class and
 * builds its own loss from pair_term_inputs. */
#ifndef PIPELINE_CONTINUAL_LOSSES_PAIR_TERM_H
#define PIPELINE_CONTINUAL_LOSSES_PAIR_TERM_H

#include "pipeline/continual/loss_term.h"

struct pair_term {
    struct loss_term base;
    int image, text; /* encoders */
    int number;      /* of the loss */
    struct buffer *caption_id, *usable;
    int32_t *ids;
    float *mask;
};

/* Tensors of the loss graph: u (N, E), v (N, E), caption_id (N), usable (N), logit_scale (). */
struct pair_inputs {
    int u, v, caption_id, usable, logit_scale;
};

enum status pair_term_create(struct loss_term **out, const struct loss_config *c,
                             const struct loss_preparation *p, struct error *e);
enum status pair_term_declare(struct loss_term *base, struct learner *l, struct error *e);
enum status pair_term_inputs(struct pair_term *t, struct learner *l, struct pair_inputs *in,
                             struct error *e);
enum status pair_term_begin_step(struct loss_term *base, struct learner *l,
                                 const struct batch *batch, struct error *e);
void pair_term_destroy(struct loss_term *base);

#endif
