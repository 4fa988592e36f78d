/* graph: a list of op calls over tensors, built once; gradients are appended by graph_backward.
 *
 * Tensors are numbered. An activation lies in the arena, where the plan puts it; every other
 * tensor lies in a buffer at a place the builder names. A program runs one graph for several
 * slices of the batch: the place of a tensor in slice s is offset + s * slice_stride. */
#ifndef MODELS_GRAPH_H
#define MODELS_GRAPH_H

#include "models/op.h"

enum { GRAPH_NONE = -1, GRAPH_NAME_MAX = 96, GRAPH_SECTIONS_MAX = 64 };

/* A place in a buffer. Offset and slice_stride are multiples of 256 bytes. */
struct place {
    struct buffer *buffer; /* with a base other than FIXED: any; the run names it */
    int64_t offset;
    int64_t slice_stride; /* 0: all slices share it */
    enum op_base base;    /* not ARENA */
};

struct graph_tensor {
    struct tensor tensor;
    struct place place;   /* buffer NULL: an activation in the arena */
    bool needs_gradient;  /* a trainable parameter, or computed from one */
    int gradient;         /* tensor that receives the gradient, or GRAPH_NONE */
    struct place d_place; /* of a trainable parameter: where its gradient goes */
    bool d_started;       /* the gradient has its first contribution */
    int again;            /* the same numbers, computed again for backward calls; or GRAPH_NONE */
    char name[GRAPH_NAME_MAX];
};

struct graph_node {
    enum op_id op;
    enum op_direction direction;
    uint32_t accumulate;
    int forward;        /* backward: the call it is the gradient of */
    int slot[OP_SLOTS]; /* tensors, or GRAPH_NONE */
    _Alignas(8) unsigned char options[OP_OPTION_BYTES];
};

struct graph {
    int n_tensors, n_nodes, n_forward; /* nodes [0, n_forward) are forward calls */
    struct graph_tensor *tensors;
    struct graph_node *nodes;
    int tensors_capacity, nodes_capacity;
    /* Sections, of which backward computes the activations again instead of keeping them: section i
     * has the forward calls [section[i], section[i + 1]). */
    int n_sections;
    int section[GRAPH_SECTIONS_MAX + 1];
    bool is_recomputed; /* set before graph_backward; else sections make no difference */
    /* The first mistake of the builder; later calls do nothing, so that building code need not
     * check each step. graph_status reports it. */
    struct error error;
    bool is_closed; /* graph_backward was called */
};

void graph_init(struct graph *g);
void graph_release(struct graph *g);
enum status graph_status(const struct graph *g, struct error *e);

/* A tensor at a fixed place without gradient: batch inputs, frozen weights, constants, state. */
int graph_input(struct graph *g, const char *name, struct tensor t, struct place place);
/* A trainable parameter; its gradient goes to d_place. */
int graph_parameter(struct graph *g, const char *name, struct tensor t, struct place place,
                    struct place d_place);

/* Appends a call of op. inputs: OP_INPUTS tensors, GRAPH_NONE where absent. options: the op's
 * option struct, or NULL for zeros. Returns the first output. Use the op's own <name>_call. */
int graph_call(struct graph *g, enum op_id op, const int *inputs, const void *options,
               size_t options_bytes);
/* Output number i of the call that was appended last. */
int graph_output(const struct graph *g, int i);
/* Lets an output lie at a fixed place instead of the arena: a result that outlives the program. */
void graph_place(struct graph *g, int tensor, struct place place);
/* For in-place ops: appends a call whose outputs are the given existing tensors. */
void graph_update(struct graph *g, enum op_id op, const int *inputs, const int *outputs,
                  const void *options, size_t options_bytes);

/* The call of a node with types, shapes and options but without memory: what shape rules, scratch
 * sizes and FLOP counts look at. A present operand has a buffer that must not be used. */
void graph_describe(const struct graph *g, int node, struct op_call *call);

/* The calls appended from now on, until the next call of this or graph_sections_end, are a section.
 * What it gives to calls after it is kept, with is_recomputed; all else inside is computed again
 * from what came into the section, by the same calls, right before its backward calls. Beyond
 * GRAPH_SECTIONS_MAX the last section takes in the rest. */
void graph_section(struct graph *g);
void graph_sections_end(struct graph *g);

/* Appends the gradient calls. outputs[i] has the gradient found in gradients[i] (tensors made by
 * graph_input). Forms no gradient that no parameter needs. Call once, at the end. */
void graph_backward(struct graph *g, int n, const int *outputs, const int *gradients);

#endif
