/* learner: the device side of a training step.
 *
 *   learner_encode     encoders forward, slice by slice
 *   learner_losses     loss program over all features, forward and backward
 *   learner_backward   encoders backward, gradients summed over slices by a fixed tree
 *                      (slice_run.h)
 *   learner_transform  penalties, then the norm of the gradient
 *   learner_look       the numbers, for the trainer to look at
 *   learner_update     optimiser, constraints, averages
 *
 * It knows no method. Built in three phases: plugs first say which encoders, losses, slots and live
 * numbers they need, learner_allocate then lays out memory, plugs append their ops to the graphs of
 * learner_graph, and learner_compile prepares the programs. After that a step allocates nothing but
 * programs of text lengths not seen before. */
#ifndef MODELS_LEARN_LEARNER_H
#define MODELS_LEARN_LEARNER_H

#include "data/batch.h"
#include "models/clip/encoder.h"
#include "models/clip/model.h"
#include "models/learn/live_numbers.h"
#include "models/learn/slice_run.h"

enum {
    LEARNER_ENCODERS_MAX = SLICE_RUN_ENCODERS_MAX,
    LEARNER_COUNTS_MAX = 16,
    LEARNER_STUDENT = 0, /* the slot of the weights that are trained, with gradients */
};

/* The graphs that plugs append to. */
enum learner_graph {
    LEARNER_ROWS,      /* over the features of the batch; gets gradients */
    LEARNER_TRANSFORM, /* the gradient, before its norm */
    LEARNER_UPDATE,    /* after the trainer has looked at the numbers */
    LEARNER_GRAPHS
};

/* A named copy of the trainable block. */
struct learner_slot {
    char name[64];
    struct buffer *buffer;
    struct tower_builder builder; /* its parameters in the graph LEARNER_ROWS */
};

struct learner_encoder_request {
    const char *name;
    enum batch_role role;
    enum tower tower;
    int slot; /* whose weights it runs with */
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

/* A number of a plug's that belongs in a checkpoint. */
struct learner_count {
    char name[64];
    int64_t *value;
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
    int64_t buffer_bytes;    /* of the buffers below, and of those that plugs asked for */
    struct buffer *gradient; /* of the trainable block */
    int n_slots;
    struct learner_slot *slot; /* LEARNER_STUDENT first */
    struct live_numbers live;
    int clip_norm;         /* live number: limit of the norm; 0: none */
    double rate;           /* learning rate of this step: set by the schedule */
    struct buffer *result; /* losses, then norm and clip factor, 256 bytes apart */
    struct graph graph[LEARNER_GRAPHS];
    struct buffer *zeros;  /* of the largest parameter that no loss reaches; or NULL */
    struct program *loss_program, *clear, *transform, *update; /* clear: or NULL */
    int n_losses;
    struct learner_loss *loss;
    double *loss_value; /* (n_losses), unweighted */
    float *read;        /* of result */
    int n_states;
    struct learner_state *state;
    int n_counts;
    struct learner_count count[LEARNER_COUNTS_MAX];
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
/* The slot of a name, made where there is none. It is a state; whoever made it fills it at the
 * start of a run. Before learner_allocate. */
enum status learner_slot(struct learner *l, const char *name, int *slot, struct error *e);
/* A number to be saved under that name; the value stays where it is. Before learner_allocate. */
enum status learner_count_add(struct learner *l, const char *name, int64_t *value, struct error *e);

/* Declares a loss by its name in logs. Before learner_allocate. */
enum status learner_loss(struct learner *l, const char *name, int *number, struct error *e);
/* Sets the weight of a loss in the sum, from the next step on. */
void learner_weigh(struct learner *l, int number, double weight);
/* What a model that guesses would have at this step, for the log; 0: not known. */
void learner_chance(struct learner *l, int number, double loss);

enum status learner_allocate(struct learner *l, struct error *e);

/* For plugs, between learner_allocate and learner_compile: rows of an encoder in the loss graph. */
int learner_rows(struct learner *l, int encoder);
/* The tensor () of the loss graph that a declared loss is. */
enum status learner_add_loss(struct learner *l, int number, int tensor, struct error *e);
struct graph *learner_graph(struct learner *l, enum learner_graph graph);
/* Weights of a slot: its parameters in LEARNER_ROWS, and its block. */
struct tower_builder *learner_builder(struct learner *l, int slot);
struct buffer *learner_weights(const struct learner *l, int slot);
/* Bytes [from, to) of a block as floats; norm and clip factor (2) of the gradient. */
int learner_range(struct graph *g, const char *name, struct buffer *block, int64_t from,
                  int64_t to);
int learner_norm(const struct learner *l, struct graph *g);
/* Memory of a plug, which destroys it: an input that the host writes (not saved), or a state that
 * is kept from step to step and saved. Zero-filled. */
enum status learner_buffer(struct learner *l, struct buffer **out, int64_t bytes, struct error *e);
enum status learner_state_add(struct learner *l, const char *name, struct buffer *buffer,
                              struct error *e);
enum status learner_state(struct learner *l, const char *name, int64_t bytes, struct buffer **out,
                          struct error *e);

enum status learner_compile(struct learner *l, struct error *e);
/* Between two steps: the weights of a slot become those of another; a buffer becomes zeros. */
enum status learner_copy(struct learner *l, int to, int from, struct error *e);
enum status learner_zero(struct learner *l, struct buffer *buffer, struct error *e);

/* Feeds the encoders that give features from the parts of the batch; encoders of tokens are fed by
 * their plugs. */
enum status learner_feed(struct learner *l, const struct batch *batch, struct error *e);
/* The parts of a step, in this order. */
enum status learner_encode(struct learner *l, struct error *e);
enum status learner_losses(struct learner *l, struct error *e);
enum status learner_backward(struct learner *l, struct error *e);
enum status learner_transform(struct learner *l, struct error *e);
enum status learner_look(struct learner *l, struct learner_numbers *n, struct error *e);
/* All of these at once: everything up to the numbers; changes no weight. */
enum status learner_gradients(struct learner *l, struct learner_numbers *n, struct error *e);
/* Hash of the summed gradient's bits. */
enum status learner_gradient_hash(struct learner *l, uint64_t *hash, struct error *e);
/* Applies the update. */
enum status learner_update(struct learner *l, struct error *e);

/* Shared by learner.c and learner_update.c: where norm and clip factor are in result. */
enum { LEARNER_RESULT_STRIDE = 256 };
int64_t learner_norm_offset(const struct learner *l);
enum status learner_update_compile(struct learner *l, struct error *e);

/* Compiles the text programs of the longest captions, so that the FLOPs below are those of the
 * worst step. */
enum status learner_compile_longest(struct learner *l, struct error *e);
/* Planned memory, all that a step has on the device: weights, gradients, what plugs keep,
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
