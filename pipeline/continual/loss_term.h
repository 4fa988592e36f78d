/* loss_term: a plug that adds terms to the loss of a step.
 *
 * A term lives through: declare (which samples, encoders and parameters it needs), prepare (before
 * the first step: teacher features of fixed reference sets), build (its part of the loss graph),
 * begin_step (what the host hands over for a step). State that must survive a restart is registered
 * with learner_state_add in build; undeclared state is a bug.
 *
 * A new term is one file here, one line in loss_list.h, one test. */
#ifndef PIPELINE_CONTINUAL_LOSS_TERM_H
#define PIPELINE_CONTINUAL_LOSS_TERM_H

#include "models/learn/learner.h"
#include "pipeline/continual/loss_list.h"

struct loss_term;

#define LOSS_ENUM(name, word, help) LOSS_##name,
enum loss_type { LOSS_LIST(LOSS_ENUM) LOSS_TYPES };
#undef LOSS_ENUM

/* One entry of `losses` in a recipe. Fields that do not belong to the type are not read. */
struct loss_config {
    enum loss_type type;
    double weight;
    int64_t ramp_steps; /* in each stage the weight grows linearly from 0 over that many steps */
    /* clip, siglip */
    bool dedup_targets; /* equal captions share their target */
    /* zscl */
    double temperature;
    int64_t reference_texts; /* captions that span the teacher's classes, without student_texts */
    bool student_texts;      /* texts of the step through the student: holds the text tower too */
    /* glare */
    int64_t hidden, bottleneck, prototypes;
    double student_temperature, teacher_temperature;
    double center_momentum, teacher_momentum;
    double global_weight, local_weight;
    int64_t patches; /* patch rows per picture in the local term */
};

/* Teacher features of the samples of one role's source. */
struct loss_reference {
    int64_t n;
    int width;
    uint64_t *sample_id; /* (n), rising */
    float *features;     /* (n, width), rows of length 1 */
};

/* What a term may ask. reference: features of the frozen base model over the samples of a role's
 * source (limit: at most that many, in the source's order; 0: all), from the cache on disk where
 * they are there already; they live until the end of the run. */
struct loss_preparation {
    void *context;
    enum status (*reference)(void *context, enum batch_role role, enum tower tower, int64_t limit,
                             const struct loss_reference **out, struct error *e);
    uint64_t seed;
    int n_samples[BATCH_ROLE_COUNT]; /* slots per step of each role; 0: the role is not there */
};

struct loss_term_class {
    const char *name;
    enum status (*create)(struct loss_term **out, const struct loss_config *c,
                          const struct loss_preparation *p, struct error *e);
    enum status (*declare)(struct loss_term *t, struct learner *l, struct error *e);
    enum status (*prepare)(struct loss_term *t, struct learner *l, struct error *e); /* or NULL */
    enum status (*build)(struct loss_term *t, struct learner *l, struct error *e);
    enum status (*begin_step)(struct loss_term *t, struct learner *l, const struct batch *batch,
                              struct error *e);
    void (*destroy)(struct loss_term *t);
};

/* The first member of every term. */
struct loss_term {
    const struct loss_term_class *class;
    struct loss_config config;
    struct loss_preparation preparation;
};

#define LOSS_DECLARE(name, word, help) extern const struct loss_term_class loss_class_##word;
LOSS_LIST(LOSS_DECLARE)
#undef LOSS_DECLARE

enum status loss_create(struct loss_term **out, const struct loss_config *c,
                        const struct loss_preparation *p, struct error *e);
void loss_destroy(struct loss_term **t);
/* The word of a type in recipes. */
const char *loss_name(enum loss_type type);

/* --- For terms --- */

/* The part of a role, which must be in the batch. */
const struct batch_part *loss_part(const struct batch *batch, enum batch_role role);
/* BAD_ARG, naming term and role, when the recipe gives no samples of the role. */
enum status loss_needs(const struct loss_term *t, enum batch_role role, struct error *e);
/* Sets the weight of a loss number at a step: share times the term's weight times its ramp. */
void loss_set_weight(const struct loss_term *t, struct learner *l, int number, double share,
                     int64_t step);
/* An input (n) or (n, columns) of the loss graph, in a new buffer that the term fills. */
enum status loss_input(struct learner *l, const char *name, enum tensor_type type, int64_t n,
                       int64_t columns, struct buffer **buffer, int *tensor, struct error *e);
void loss_buffers_destroy(struct buffer **buffers, int n);

#endif
