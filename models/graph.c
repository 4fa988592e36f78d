#include "models/graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void graph_init(struct graph *g) {
    memset(g, 0, sizeof *g);
}

void graph_release(struct graph *g) {
    free(g->tensors);
    free(g->nodes);
    memset(g, 0, sizeof *g);
}

enum status graph_status(const struct graph *g, struct error *e) {
    if (g->error.status != STATUS_OK && e) *e = g->error;
    return g->error.status;
}

static bool is_broken(const struct graph *g) {
    return g->error.status != STATUS_OK;
}

/* Makes room for one more entry; false when there is no memory. */
static bool grow(struct graph *g, void **entries, int n, int *capacity, size_t entry_bytes) {
    if (n < *capacity) return true;
    const int wanted = *capacity ? 2 * *capacity : 64;
    void *more = realloc(*entries, (size_t)wanted * entry_bytes);
    if (!more) {
        fail(&g->error, STATUS_NO_MEMORY, "graph: no memory for %d entries", wanted);
        return false;
    }
    *entries = more;
    *capacity = wanted;
    return true;
}

static int tensor_add(struct graph *g, const char *name, struct tensor t, struct place place) {
    if (is_broken(g)) return GRAPH_NONE;
    if (!grow(g, (void **)&g->tensors, g->n_tensors, &g->tensors_capacity, sizeof *g->tensors))
        return GRAPH_NONE;
    CHECK(place.offset % 256 == 0 && place.slice_stride % 256 == 0);
    struct graph_tensor *new = &g->tensors[g->n_tensors];
    *new = (struct graph_tensor){
        .tensor = t, .place = place, .gradient = GRAPH_NONE, .again = GRAPH_NONE};
    snprintf(new->name, sizeof new->name, "%s", name);
    return g->n_tensors++;
}

int graph_input(struct graph *g, const char *name, struct tensor t, struct place place) {
    CHECK(place.buffer != NULL);
    return tensor_add(g, name, t, place);
}

int graph_parameter(struct graph *g, const char *name, struct tensor t, struct place place,
                    struct place d_place) {
    const int id = graph_input(g, name, t, place);
    if (id == GRAPH_NONE) return id;
    CHECK(d_place.buffer != NULL && t.type == TENSOR_F32);
    g->tensors[id].needs_gradient = true;
    g->tensors[id].d_place = d_place;
    return id;
}

void graph_describe(const struct graph *g, int node, struct op_call *call) {
    static struct buffer *const present = (struct buffer *)1;
    const struct graph_node *n = &g->nodes[node];
    memset(call, 0, sizeof *call);
    call->op = n->op;
    call->direction = n->direction;
    call->accumulate = n->accumulate;
    memcpy(call->options, n->options, sizeof call->options);
    for (int i = 0; i < OP_SLOTS; i++) {
        if (n->slot[i] != GRAPH_NONE) {
            call->slot[i].tensor = g->tensors[n->slot[i]].tensor;
            call->slot[i].buffer = present;
        } else if (n->direction == OP_BACKWARD && i < OP_D_OUT) {
            const int t = g->nodes[n->forward].slot[i];
            if (t != GRAPH_NONE) call->slot[i].tensor = g->tensors[t].tensor;
        }
    }
}

static struct graph_node *node_add(struct graph *g, enum op_id op, enum op_direction direction) {
    if (is_broken(g)) return NULL;
    if (!grow(g, (void **)&g->nodes, g->n_nodes, &g->nodes_capacity, sizeof *g->nodes)) return NULL;
    struct graph_node *n = &g->nodes[g->n_nodes++];
    memset(n, 0, sizeof *n);
    n->op = op;
    n->direction = direction;
    for (int i = 0; i < OP_SLOTS; i++) n->slot[i] = GRAPH_NONE;
    return n;
}

/* Names the operands in front of the op's own message. */
static void shape_context(struct graph *g, const struct graph_node *n) {
    char names[ERROR_TEXT_MAX / 2] = "";
    for (int i = 0; i < OP_INPUTS; i++) {
        if (n->slot[OP_IN + i] == GRAPH_NONE) continue;
        const struct graph_tensor *t = &g->tensors[n->slot[OP_IN + i]];
        const size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s (", i ? ", " : "", t->name);
        for (int axis = 0; axis < t->tensor.rank; axis++) {
            const size_t end = strlen(names);
            snprintf(names + end, sizeof names - end, "%s%lld", axis ? ", " : "",
                     (long long)t->tensor.shape[axis]);
        }
        const size_t end = strlen(names);
        snprintf(names + end, sizeof names - end, ")");
    }
    error_context(&g->error, "graph: call %d of %s with %s", g->n_nodes - 1, op_of(n->op)->name,
                  names);
}

/* Appends a forward call with checked shapes; outputs NULL: new tensors are made for them. */
static bool call_add(struct graph *g, enum op_id op_id, const int *inputs, const int *outputs,
                     const void *options, size_t options_bytes) {
    const struct op *op = op_of(op_id);
    struct op_call call;
    CHECK(!g->is_closed || outputs);
    CHECK(options_bytes <= OP_OPTION_BYTES);
    if (is_broken(g)) return false;
    for (uint32_t i = 0; i < OP_INPUTS; i++) {
        const bool may_be_absent = i >= op->n_inputs || (op->optional_inputs >> i & 1);
        CHECK(inputs[i] < g->n_tensors && (inputs[i] != GRAPH_NONE || may_be_absent));
    }
    struct graph_node *n = node_add(g, op_id, OP_FORWARD);
    if (!n) return false;
    if (options) memcpy(n->options, options, options_bytes);
    bool needs_gradient = false;
    for (uint32_t i = 0; i < op->n_inputs; i++) {
        n->slot[OP_IN + i] = inputs[i];
        if (inputs[i] != GRAPH_NONE && (op->differentiable >> i & 1))
            needs_gradient |= g->tensors[inputs[i]].needs_gradient;
    }
    graph_describe(g, g->n_nodes - 1, &call);
    if (op->shape(&call, &g->error) != STATUS_OK) {
        shape_context(g, n);
        return false;
    }
    const int node = g->n_nodes - 1;
    for (uint32_t i = 0; i < op->n_outputs + op->n_saved; i++) {
        const int slot = i < op->n_outputs ? OP_OUT + (int)i : OP_SAVE + (int)(i - op->n_outputs);
        int id;
        if (outputs) {
            id = outputs[i];
            CHECK(g->tensors[id].place.buffer != NULL);
            CHECK(tensor_elements(&g->tensors[id].tensor) ==
                  tensor_elements(&call.slot[slot].tensor));
        } else {
            if (slot >= OP_SAVE && tensor_elements(&call.slot[slot].tensor) == 0) continue;
            id = tensor_add(g, op->name, call.slot[slot].tensor, (struct place){0});
            if (id == GRAPH_NONE) return false;
            g->tensors[id].needs_gradient = needs_gradient;
        }
        g->nodes[node].slot[slot] = id;
    }
    if (!g->is_closed) g->n_forward = g->n_nodes;
    return true;
}

int graph_call(struct graph *g, enum op_id op, const int *inputs, const void *options,
               size_t options_bytes) {
    if (!call_add(g, op, inputs, NULL, options, options_bytes)) return GRAPH_NONE;
    return graph_output(g, 0);
}

int graph_output(const struct graph *g, int i) {
    return is_broken(g) ? GRAPH_NONE : g->nodes[g->n_nodes - 1].slot[OP_OUT + i];
}

void graph_place(struct graph *g, int tensor, struct place place) {
    if (is_broken(g)) return;
    CHECK(g->tensors[tensor].place.buffer == NULL);
    CHECK(place.offset % 256 == 0 && place.slice_stride % 256 == 0);
    g->tensors[tensor].place = place;
}

void graph_update(struct graph *g, enum op_id op, const int *inputs, const int *outputs,
                  const void *options, size_t options_bytes) {
    call_add(g, op, inputs, outputs, options, options_bytes);
}

/* The tensor for the gradient of t: at the parameter's d_place, else an activation. */
static int gradient_of(struct graph *g, int t) {
    if (g->tensors[t].gradient == GRAPH_NONE) {
        char name[GRAPH_NAME_MAX];
        const struct place place = g->tensors[t].d_place;
        snprintf(name, sizeof name, "d %.90s", g->tensors[t].name);
        const int d = tensor_add(g, name, g->tensors[t].tensor, place);
        if (d == GRAPH_NONE) return d;
        g->tensors[t].gradient = d;
    }
    return g->tensors[t].gradient;
}

/* The tensor to read for t: its recomputed copy, if there is one. */
static int newest(const struct graph *g, int t) {
    return t != GRAPH_NONE && g->tensors[t].again != GRAPH_NONE ? g->tensors[t].again : t;
}

void graph_section(struct graph *g) {
    if (g->n_sections < GRAPH_SECTIONS_MAX) g->section[g->n_sections++] = g->n_nodes;
    g->section[g->n_sections] = g->n_nodes;
}

void graph_sections_end(struct graph *g) {
    g->section[g->n_sections] = g->n_nodes;
}

static bool is_read_after(const struct graph *g, int t, int node) {
    for (int i = node; i < g->n_forward; i++)
        for (int slot = OP_IN; slot < OP_OUT; slot++)
            if (g->nodes[i].slot[slot] == t) return true;
    return false;
}

/* Appends forward call f a second time, unless all its outputs are kept. The section ends before
 * node `end`. */
static void node_again(struct graph *g, int f, int end) {
    const struct graph_node forward = g->nodes[f];
    bool is_kept = true;
    for (int slot = OP_OUT; slot < OP_D_OUT; slot++) {
        const int t = forward.slot[slot];
        if (t != GRAPH_NONE && !g->tensors[t].place.buffer && !is_read_after(g, t, end))
            is_kept = false;
    }
    if (is_kept) return;
    if (!node_add(g, forward.op, OP_FORWARD)) return;
    const int node = g->n_nodes - 1;
    memcpy(g->nodes[node].options, forward.options, sizeof forward.options);
    for (int slot = OP_IN; slot < OP_OUT; slot++)
        g->nodes[node].slot[slot] = newest(g, forward.slot[slot]);
    for (int slot = OP_OUT; slot < OP_D_OUT; slot++) {
        const int t = forward.slot[slot];
        if (t == GRAPH_NONE) continue;
        const struct graph_tensor was = g->tensors[t]; /* a copy: tensors may move */
        const int again = tensor_add(g, was.name, was.tensor, was.place);
        if (again == GRAPH_NONE) return;
        g->tensors[t].again = again;
        g->nodes[node].slot[slot] = again;
    }
}

/* Appends the recomputation of section i, before its backward calls. */
static void section_again(struct graph *g, int i) {
    for (int f = g->section[i]; f < g->section[i + 1]; f++) node_again(g, f, g->section[i + 1]);
}

/* Appends the backward call of forward node f, if any gradient it can give is needed. */
static void node_backward(struct graph *g, int f) {
    const struct op *op = op_of(g->nodes[f].op);
    bool has_gradient = false;
    uint32_t wanted = 0;
    for (uint32_t i = 0; i < op->n_outputs; i++) {
        const int out = g->nodes[f].slot[OP_OUT + i];
        has_gradient |= g->tensors[out].gradient != GRAPH_NONE && g->tensors[out].d_started;
    }
    for (uint32_t i = 0; i < op->n_inputs; i++) {
        const int in = g->nodes[f].slot[OP_IN + i];
        if (in != GRAPH_NONE && (op->differentiable >> i & 1) && g->tensors[in].needs_gradient)
            wanted |= 1u << i;
    }
    if (!has_gradient || !wanted) return;

    struct graph_node *b = node_add(g, g->nodes[f].op, OP_BACKWARD);
    if (!b) return;
    const struct graph_node forward = g->nodes[f];
    memcpy(b->options, forward.options, sizeof b->options);
    b->forward = f;
    struct op_call call;
    graph_describe(g, f, &call);
    const uint64_t reads = op->backward_reads(&call, wanted);
    for (int slot = 0; slot < OP_D_OUT; slot++)
        if (reads >> slot & 1) b->slot[slot] = newest(g, forward.slot[slot]);
    for (uint32_t i = 0; i < op->n_outputs; i++) {
        const struct graph_tensor *out = &g->tensors[forward.slot[OP_OUT + i]];
        if (out->d_started) b->slot[OP_D_OUT + i] = out->gradient;
    }
    const int node = g->n_nodes - 1;
    for (uint32_t i = 0; i < op->n_inputs; i++) {
        if (!(wanted >> i & 1)) continue;
        const int in = forward.slot[OP_IN + i];
        const int d = gradient_of(g, in);
        if (d == GRAPH_NONE) return;
        g->nodes[node].slot[OP_D_IN + i] = d;
        if (g->tensors[in].d_started) g->nodes[node].accumulate |= 1u << i;
        g->tensors[in].d_started = true;
    }
}

void graph_backward(struct graph *g, int n, const int *outputs, const int *gradients) {
    if (is_broken(g)) return;
    CHECK(!g->is_closed);
    g->is_closed = true;
    for (int i = 0; i < n; i++) {
        struct graph_tensor *out = &g->tensors[outputs[i]];
        CHECK(out->gradient == GRAPH_NONE);
        CHECK(tensor_elements(&out->tensor) == tensor_elements(&g->tensors[gradients[i]].tensor));
        out->gradient = gradients[i];
        out->d_started = true;
    }
    int section = g->is_recomputed ? g->n_sections - 1 : -1;
    for (int f = g->n_forward - 1; f >= 0; f--) {
        if (section >= 0 && f < g->section[section + 1]) section_again(g, section--);
        node_backward(g, f);
    }
}
