/* learner: the device side of a training step.
 *
 *   encoders forward ► loss program over all features ► encoders backward, gradients summed over
 *   slices by a fixed tree (slice_run.h) ► global norm ► (the trainer looks at the numbers) ►
 *   AdamW, clamps, averages
 *
 * Built in three phases: loss terms first say which encoders and parameters they need
 * (learner_encoder, model parameters), learner_allocate then lays out memory, terms add their part
 * of the loss graph (learner_add_loss), and learner_compile prepares the programs. After that a
 * step allocates nothing but programs of text lengths not seen before. */
#ifndef MODELS_LEARN_LEARNER_H
#define MODELS_LEARN_LEARNER_H

#include "data/batch.h"
#include "models/clip/encoder.h"
#include "models/clip/model.h"
#include "models/learn/live_numbers.h"
#include "models/learn/slice_run.h"

enum {
    LEARNER_ENCODERS_MAX = SLICE_RUN_ENCODERS_MAX,
    LEARNER_STATES_MAX = 32,
    LEARNER_SLOTS_MAX = 2
};

/* Whose weights an encoder runs with. */
enum learner_weights {
    LEARNER_STUDENT, /* trained, with gradients */
    LEARNER_TEACHER, /* moving average of the student's trainable weights */
};

struct learner_encoder_request {
    const char *name;
    enum batch_role role;
    enum tower tower;
    enum learner_weights weights;
    enum encoder_result result;
    int rows_per_sample;
    int first_view, n_views; /* images: which views of the role's part, as one block */
    int n_samples;           /* of the part; n_samples n_views is a multiple of the slice */
};

/* Memory that belongs in a checkpoint. */
struct learner_state {
    char name[64];
    struct buffer *buffer;
    int64_t bytes;
};

struct learner_loss {
    char name[64];
    int tensor;    /* of the loss graph, () */
    int weight;    /* live number */
    double chance; /* of a model that guesses, at this step; 0: not known */
};

struct learner {
    struct model *model;
    struct backend *backend; /* NULL before learner_allocate: that of the model */
    int slice_samples;
    int64_t memory_bytes; /* all that it may take; 0: 3/4 of the device's. Before learner_compile */
    int n_encoders;
    struct learner_encoder_request request[LEARNER_ENCODERS_MAX];
    struct encoder *encoder[LEARNER_ENCODERS_MAX];
    struct slice_run *slices;
    int64_t buffer_bytes;          /* of the buffers below, and of those that terms asked for */
    struct buffer *gradient;       /* of the trainable block */
    struct buffer *first, *second; /* AdamW moments */
    bool has_teacher;
    struct buffer *teacher; /* NULL without has_teacher */
    struct live_numbers live;
    int clip_norm, keep_teacher, adamw; /* live numbers; adamw: as shaders/params/adamw.h */
    struct buffer *result;              /* losses, then norm and clip factor, 256 bytes apart */
    struct graph loss_graph, update_graph;
    struct tower_builder student, averaged; /* parameters for the loss graph */
    struct program *loss_program, *norm, *update;
    int n_losses;
    struct learner_loss *loss;
    double *loss_value; /* (n_losses), unweighted */
    float *read;        /* of result */
    int n_states;
    struct learner_state state[LEARNER_STATES_MAX];
};

struct learner_numbers {
    double *loss;       /* unweighted; the learner's, valid until the next step */
    uint64_t loss_hash; /* of their bits */
    double total;       /* weighted sum */
    double norm, clip_factor;
    double logit_scale; /* exp of the parameter, before the update; 1 when there is none */
    bool is_finite;
};

enum status learner_init(struct learner *l, struct model *m, int slice_samples, struct error *e);
void learner_release(struct learner *l);

/* Number of the encoder of a request; equal requests share one. Before learner_allocate. */
enum status learner_encoder(struct learner *l, const struct learner_encoder_request *request,
                            int *number, struct error *e);
/* Asks for the moving average of the trainable weights. Before learner_allocate. */
void learner_want_teacher(struct learner *l);

/* Declares a loss by its name in logs. Before learner_allocate. */
enum status learner_loss(struct learner *l, const char *name, int *number, struct error *e);
/* Sets the weight of a loss in the sum, from the next step on. */
void learner_weigh(struct learner *l, int number, double weight);
/* What a model that guesses would have at this step, for the log; 0: not known. */
void learner_chance(struct learner *l, int number, double loss);

enum status learner_allocate(struct learner *l, struct error *e);

/* For terms, between learner_allocate and learner_compile: rows of an encoder in the loss graph. */
int learner_rows(struct learner *l, int encoder);
/* The tensor () of the loss graph that a declared loss is. */
enum status learner_add_loss(struct learner *l, int number, int tensor, struct error *e);
/* Memory of a term: an input of the loss graph that the host writes (not saved), or state that is
 * kept from step to step and saved. Zero-filled. */
enum status learner_buffer(struct learner *l, struct buffer **out, int64_t bytes, struct error *e);
enum status learner_state_add(struct learner *l, const char *name, struct buffer *buffer,
                              struct error *e);

enum status learner_compile(struct learner *l, struct error *e);
/* Copies the student's trainable weights into the teacher: at the start of a run. */
enum status learner_reset_teacher(struct learner *l, struct error *e);
enum status learner_reset_moments(struct learner *l, struct error *e);

/* Feeds the encoders that give features from the parts of the batch; encoders of tokens are fed by
 * their terms. */
enum status learner_feed(struct learner *l, const struct batch *batch, struct error *e);
/* Everything up to the norm. Reads the numbers back; changes no weight. */
enum status learner_gradients(struct learner *l, struct learner_numbers *n, struct error *e);
/* Hash of the summed gradient's bits. */
enum status learner_gradient_hash(struct learner *l, uint64_t *hash, struct error *e);
/* Applies the update. */
enum status learner_update(struct learner *l, struct error *e);

/* Compiles the text programs of the longest captions, so that the FLOPs below are those of the
 * worst step. */
enum status learner_compile_longest(struct learner *l, struct error *e);
/* Planned memory, all that a step has on the device: weights, gradients, moments, what terms keep,
 * activations with the longest captions; the same from learner_compile on. And the FLOPs of a step
 * at the present text length. */
int64_t learner_bytes(const struct learner *l);
/* The same with no activations kept and small arenas: less does not do. */
int64_t learner_least_bytes(const struct learner *l);
bool learner_fits(const struct learner *l);
/* NO_MEMORY, or BAD_ARG where memory_bytes is too small; says what would do. */
enum status learner_check_fits(const struct learner *l, struct error *e);
/* What memory_bytes says, or stands for. */
int64_t learner_budget(const struct learner *l);
double learner_flops(const struct learner *l);

#endif
