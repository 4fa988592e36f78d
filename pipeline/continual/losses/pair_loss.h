/* pair_loss: what the losses over the update pairs share: pictures and texts through the student,
 * which captions are the same, which samples count. A loss puts these functions into its class and
 * builds its own loss from pair_loss_inputs. */
#ifndef PIPELINE_CONTINUAL_LOSSES_PAIR_LOSS_H
#define PIPELINE_CONTINUAL_LOSSES_PAIR_LOSS_H

#include "pipeline/continual/losses/loss.h"

struct pair_loss_fields {
    struct loss_fields loss;
    bool dedup_targets; /* equal captions share their target */
};
#define PAIR_LOSS_FIELDS                                                                           \
    LOSS_FIELDS, {                                                                                 \
        "dedup_targets", SCHEMA_BOOL, offsetof(struct pair_loss_fields, dedup_targets),            \
            .preset = "true", .help = "equal captions in a batch share their target"               \
    }

struct pair_loss {
    struct plug plug;
    int image, text; /* encoders */
    int number;      /* of the loss */
    int n_usable;    /* pairs of the step */
    struct buffer *caption_id, *usable;
    int32_t *ids;
    float *mask;
};

/* Tensors of the loss graph: u (N, E), v (N, E), caption_id (N), usable (N), logit_scale (). */
struct pair_inputs {
    int u, v, caption_id, usable, logit_scale;
};

enum status pair_loss_declare(struct plug *base, struct learner *l, struct error *e);
enum status pair_loss_inputs(struct pair_loss *t, struct learner *l, struct pair_inputs *in,
                             struct error *e);
enum status pair_loss_before_step(struct plug *base, struct learner *l, const struct plug_moment *m,
                                  struct error *e);
void pair_loss_destroy(struct plug *base);

#endif
