/* graph: a list of op calls over tensors, built once. graph_backward appends the gradient calls.
 *
 * Tensors are numbered. An activation lies in the arena, at an offset of the plan. Every other
 * tensor lies at a place in a buffer, given by the builder. A program runs one graph for several
 * slices of the batch: the place of a tensor in slice s is offset + s * slice_stride. */
#ifndef MODELS_GRAPH_H
#define MODELS_GRAPH_H

#include "models/op.h"

enum { GRAPH_NONE = -1, GRAPH_NAME_MAX = 96, GRAPH_SECTIONS_MAX = 64 };

/* A place in a buffer. Offset and slice_stride are multiples of 256 bytes. */
struct place {
    struct buffer *buffer; /* for a base other than FIXED: any buffer; the run chooses the real
                              one */
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
    bool d_started;       /* the gradient has got its first contribution */
    int again;            /* its copy, computed again for backward calls; or GRAPH_NONE */
    char name[GRAPH_NAME_MAX];
};

struct graph_node {
    enum op_id op;
    enum op_direction direction;
    uint32_t accumulate;
    int forward;        /* backward: the node whose gradient it is */
    int slot[OP_SLOTS]; /* tensors, or GRAPH_NONE */
    _Alignas(8) unsigned char options[OP_OPTION_BYTES];
};

struct graph {
    int n_tensors, n_nodes, n_forward; /* nodes [0, n_forward) are forward calls */
    struct graph_tensor *tensors;
    struct graph_node *nodes;
    int tensors_capacity, nodes_capacity;
    /* Sections: backward recomputes their activations instead of keeping them. Section i is the
     * forward calls [section[i], section[i + 1]). */
    int n_sections;
    int section[GRAPH_SECTIONS_MAX + 1];
    bool is_recomputed; /* set before graph_backward; else sections have no effect */
    /* The first mistake in building. Later calls do nothing, so building code needs no check per
     * call; graph_status reports the mistake. */
    struct error error;
    bool is_closed; /* graph_backward was called */
};

void graph_init(struct graph *g);
void graph_release(struct graph *g);
enum status graph_status(const struct graph *g, struct error *e);

/* A tensor at a given place, without gradient: batch inputs, frozen weights, constants, state. */
int graph_input(struct graph *g, const char *name, struct tensor t, struct place place);
/* A trainable parameter; its gradient goes to d_place. */
int graph_parameter(struct graph *g, const char *name, struct tensor t, struct place place,
                    struct place d_place);

/* Appends a call of op and returns its first output. inputs: OP_INPUTS tensors, GRAPH_NONE where
 * absent. options: the op's option struct, or NULL for zeros. Callers use the op's own
 * <name>_call. */
int graph_call(struct graph *g, enum op_id op, const int *inputs, const void *options,
               size_t options_bytes);
/* Output i of the last appended call. */
int graph_output(const struct graph *g, int i);
/* Puts an output at a place outside the arena, so that it outlives the run. */
void graph_place(struct graph *g, int tensor, struct place place);
/* For in-place ops: appends a call whose outputs are existing tensors. */
void graph_update(struct graph *g, enum op_id op, const int *inputs, const int *outputs,
                  const void *options, size_t options_bytes);

/* Fills *call with the types, shapes and options of a node, without memory: enough for shape rules,
 * scratch sizes and FLOP counts. The buffer of a present operand must not be used. */
void graph_describe(const struct graph *g, int node, struct op_call *call);

/* Begins a section: the calls appended until the next graph_section or graph_sections_end. With
 * is_recomputed only the activations that later calls read are kept. The others are computed again
 * by the same calls, from the section's inputs, just before its backward calls. Beyond
 * GRAPH_SECTIONS_MAX the last section takes all further calls. */
void graph_section(struct graph *g);
void graph_sections_end(struct graph *g);

/* Appends the gradient calls. gradients[i], made by graph_input, holds the gradient of outputs[i].
 * Gradients that no parameter needs are not computed. Call once, at the end. */
void graph_backward(struct graph *g, int n, const int *outputs, const int *gradients);

#endif
