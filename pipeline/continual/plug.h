/* plug: a method, or a part of one, that the trainer runs without knowing it.
 *
 * A plug is one file: its class, with its word in recipes, its fields and their help; its formulas;
 * its state. It lives through
 *   declare   which samples, encoders, parameters, losses and live numbers it needs, before memory
 *             is laid out; what it cannot stand beside
 *   prepare   before the first step: teacher features of fixed reference sets
 *   build     for each phase its ops, appended to the graph of that phase
 *   at        for each event its work on the host
 *   destroy
 * It acts through functions of models/learn and pipeline/continual alone. Memory that must survive
 * a restart is declared with learner_state_add in build; undeclared state is a bug.
 *
 * The same class may stand in a list more than once, each time under a name of its own. */
#ifndef PIPELINE_CONTINUAL_PLUG_H
#define PIPELINE_CONTINUAL_PLUG_H

#include "models/learn/learner.h"
#include "pipeline/base/schema.h"
#include "pipeline/continual/plug_list.h"

#include <stddef.h>

/* Where plugs stand in a recipe, in the order in which they act at events. */
enum plug_point {
    PLUG_LOSS,       /* losses: a list */
    PLUG_PENALTY,    /* penalties: a list */
    PLUG_SCHEDULE,   /* optimizer.schedule: one, its fields in optimizer */
    PLUG_OPTIMIZER,  /* optimizer.type: one, its fields in optimizer */
    PLUG_CONSTRAINT, /* constraints: a list */
    PLUG_WEIGHTS,    /* weights: a list */
    PLUG_POINTS
};

/* When ops run in a step, in this order. */
enum plug_phase {
    PLUG_ROWS,      /* over the features of the whole batch, with gradients: losses */
    PLUG_PENALIZE,  /* adds to the gradient what depends on the weights alone; the norm is next */
    PLUG_UPDATE,    /* from gradient and norm to new weights */
    PLUG_CONSTRAIN, /* back to where weights are allowed to be */
    PLUG_AVERAGE,   /* what follows the weights: averages, teachers, centres */
    PLUG_PHASES
};

enum plug_event {
    PLUG_CHECK_STAGE, /* for each stage before the first: warns of what is rarely meant */
    PLUG_RUN_START,   /* weights are as they start; a checkpoint may be read over all that is set */
    PLUG_STAGE_START, /* before the first step of a stage, also when the run goes back to it */
    PLUG_BEFORE_STEP, /* the batch is there: inputs and live numbers are set */
    PLUG_AFTER_UPDATE, /* a step changed the weights */
    PLUG_EVENTS
};

/* What an event tells. */
struct plug_moment {
    int stage;
    const char *stage_name;
    int64_t stage_step, stage_steps; /* steps done of the stage, and all it has */
    double peak_rate;                /* learning rate that the recipe gives the stage */
    const struct batch *batch;       /* BEFORE_STEP only */
};

/* Teacher features of the samples of one role's source. */
struct plug_reference {
    int64_t n;
    int width;
    uint64_t *sample_id; /* (n), rising */
    float *features;     /* (n, width), rows of length 1 */
};

/* What a run offers beside the learner. reference: features of the frozen base model over the
 * samples of a role's source (limit: at most that many, in the source's order; 0: all), from the
 * cache on disk where they are there already; they live until the end of the run. */
struct plug_host {
    void *context;
    enum status (*reference)(void *context, enum batch_role role, enum tower tower, int64_t limit,
                             const struct plug_reference **out, struct error *e);
    uint64_t seed;
    int n_samples[BATCH_ROLE_COUNT]; /* slots per step of each role; 0: the role is not there */
};

/* The first member of the fields of every class. PLUG_NAME is the field of plugs in lists. */
struct plug_fields {
    const char *name; /* "" or NULL: that of the class */
};
#define PLUG_NAME                                                                                  \
    {                                                                                              \
        "name", SCHEMA_TEXT, offsetof(struct plug_fields, name),                                   \
            .max = 63, .preset = "\"\"",                                                           \
            .help = "name in logs and checkpoints; empty: its type. Two of one type need it"       \
    }

/* The first member of every plug. */
struct plug {
    const struct plug_class *class;
    const char *name;   /* begins the names of what it declares */
    const void *fields; /* the struct of class->schema */
    struct plug_host host;
    struct plug_set *set; /* that it is in */
    void *owned;          /* fields that nobody else frees */
};

typedef enum status plug_step(struct plug *p, struct learner *l, struct error *e);
typedef enum status plug_act(struct plug *p, struct learner *l, const struct plug_moment *m,
                             struct error *e);

struct plug_class {
    struct schema schema; /* its word in recipes, its fields with range, default and help */
    enum plug_point point;
    const char *source; /* paper or code that it follows */
    size_t bytes;       /* of the plug's struct, which starts as zeros after struct plug */
    /* Each may be NULL. */
    plug_step *declare, *prepare;
    plug_step *build[PLUG_PHASES];
    plug_act *at[PLUG_EVENTS];
    void (*destroy)(struct plug *p); /* what it owns, not its struct */
};

/* All classes; ends with NULL. */
extern const struct plug_class *const plug_classes[];
#define PLUG_DECLARE(word) extern const struct plug_class plug_##word;
PLUG_LIST(PLUG_DECLARE)
#undef PLUG_DECLARE

/* The word of a point in recipes. */
const char *plug_point_word(enum plug_point point);

/* Fields of a schema that read plugs into an array struct schema_variants[PLUG_POINTS], at the
 * offset `at`: PLUG_LISTS where the lists stand, PLUG_CHOICES inside "optimizer". */
extern const struct schema *const plug_losses[],
    *const plug_penalties[], *const plug_schedules[], *const plug_optimizers[],
    *const plug_constraints[], *const plug_weight_operations[];
#define PLUG_FIELD(at, word, kind_of, point, schemas, text)                                        \
    word, kind_of, (at) + (point) * sizeof(struct schema_variants), .variants = schemas,           \
                                                                    .help = text
#define PLUG_LISTS(at)                                                                             \
    {PLUG_FIELD(at, "losses", SCHEMA_VARIANTS, PLUG_LOSS, plug_losses, "terms of the loss"),       \
     .min = 1, .max = 64, .preset = PLUG_LOSSES_DEFAULT},                                          \
        {PLUG_FIELD(at, "penalties", SCHEMA_VARIANTS, PLUG_PENALTY, plug_penalties,                \
                    "what pulls the weights, beside the losses"),                                  \
         .max = 64, .preset = "[]"},                                                               \
        {PLUG_FIELD(at, "constraints", SCHEMA_VARIANTS, PLUG_CONSTRAINT, plug_constraints,         \
                    "what holds weights in their range after each update"),                        \
         .max = 64, .preset = PLUG_CONSTRAINTS_DEFAULT},                                           \
    {                                                                                              \
        PLUG_FIELD(at, "weights", SCHEMA_VARIANTS, PLUG_WEIGHTS, plug_weight_operations,           \
                   "averages and copies of the weights"),                                          \
            .max = 64, .preset = "[]"                                                              \
    }
#define PLUG_CHOICES(at)                                                                           \
    {PLUG_FIELD(at, "schedule", SCHEMA_CHOSEN, PLUG_SCHEDULE, plug_schedules,                      \
                "course of the learning rate"),                                                    \
     .preset = PLUG_SCHEDULES_DEFAULT},                                                            \
    {                                                                                              \
        PLUG_FIELD(at, "type", SCHEMA_CHOSEN, PLUG_OPTIMIZER, plug_optimizers,                     \
                   "from gradients to new weights"),                                               \
            .preset = PLUG_OPTIMIZERS_DEFAULT                                                      \
    }
/* BAD_ARG where two plugs have one name; lists: by point. */
enum status plug_check_names(const struct schema_variants lists[PLUG_POINTS], struct error *e);

/* The plugs of a run, in the order in which they act. */
struct plug_set {
    struct plug **list;
    int n;
    struct schema_source **texts; /* that fields were read from */
    int n_texts;
};

/* Adds one, made of what a recipe says; the fields must outlive the set. */
enum status plug_set_add(struct plug_set *s, const struct schema_variant *v,
                         const struct plug_host *host, struct error *e);
/* All of a recipe's. */
enum status plug_set_add_lists(struct plug_set *s, const struct schema_variants lists[PLUG_POINTS],
                               const struct plug_host *host, struct error *e);
/* The default ones. */
enum status plug_set_defaults(struct plug_set *s, const struct plug_host *host, struct error *e);
/* One by its word, with fields as a recipe has them: "{}", "{\"weight\": 2}". */
enum status plug_set_one(struct plug_set *s, const char *word, const char *fields,
                         const struct plug_host *host, struct error *e);
/* Also of the plugs that plugs add. */
enum status plug_set_declare(struct plug_set *s, struct learner *l, struct error *e);
enum status plug_set_prepare(const struct plug_set *s, struct learner *l, struct error *e);
enum status plug_set_build(const struct plug_set *s, struct learner *l, struct error *e);
enum status plug_set_at(const struct plug_set *s, enum plug_event event, struct learner *l,
                        const struct plug_moment *m, struct error *e);
void plug_set_release(struct plug_set *s);

/* --- For plugs --- */

/* In declare: adds a plug that p needs to the run, unless one of its name is there; class and
 * fields as in plug_set_add. */
enum status plug_add(const struct plug *p, const struct plug_class *class,
                     const struct plug_fields *fields, struct error *e);
/* BAD_ARG, naming plug and role, when the recipe gives no samples of the role. */
enum status plug_needs(const struct plug *p, enum batch_role role, struct error *e);
/* The part of a role, which must be in the batch. */
const struct batch_part *plug_part(const struct batch *batch, enum batch_role role);
/* An input (n) or (n, columns) of the loss graph, in a new buffer that the plug fills. */
enum status plug_input(struct learner *l, const char *name, enum tensor_type type, int64_t n,
                       int64_t columns, struct buffer **buffer, int *tensor, struct error *e);
void plug_buffers_destroy(struct buffer **buffers, int n);
/* The plug's name and what follows it, in text: "glare" and ".center" give "glare.center". */
enum { PLUG_TEXT_MAX = 128 };
const char *plug_named(const struct plug *p, const char *rest, char text[PLUG_TEXT_MAX]);

#endif
