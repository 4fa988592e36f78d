/* Plans: a random graph is run on a model of the arena that knows for every 256 bytes who wrote
 * them last. Peaks of small graphs are counted by hand. */
#include "models/ops/activation.h"
#include "models/ops/add.h"
#include "models/ops/add_block.h"
#include "models/ops/attention.h"
#include "models/ops/layernorm.h"
#include "models/ops/linear.h"
#include "models/ops/normalize.h"
#include "models/ops/soft_target_loss.h"
#include "models/plan.h"
#include "models/program.h"
#include "pipeline/base/random.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>

static struct buffer somewhere;
static const struct place outside = {.buffer = &somewhere};

static struct tensor matrix(int64_t rows, int64_t columns) {
    return tensor_make(TENSOR_F32, 2, (int64_t[]){rows, columns});
}

static int64_t rounded(int64_t bytes) {
    return (bytes + 255) / 256 * 256;
}

/* owner[i]: who wrote bytes [256 i, 256 i + 256) last: 1 + tensor, or SCRATCH + call. */
struct arena {
    int *owner;
    int64_t n;
};
enum { SCRATCH = 1 << 20 };

static bool claim(struct arena *a, int64_t offset, int64_t bytes, int owner) {
    if (offset < 0 || offset % 256 || offset + rounded(bytes) > a->n * 256) return false;
    for (int64_t i = 0; i < rounded(bytes) / 256; i++) a->owner[offset / 256 + i] = owner;
    return true;
}

static bool owns(const struct arena *a, int64_t offset, int64_t bytes, int owner) {
    if (offset < 0 || offset % 256 || offset + rounded(bytes) > a->n * 256) return false;
    for (int64_t i = 0; i < rounded(bytes) / 256; i++)
        if (a->owner[offset / 256 + i] != owner) return false;
    return true;
}

static bool is_written(const struct graph_node *n, int slot) {
    if (slot >= OP_D_IN) return !(n->accumulate >> (slot - OP_D_IN) & 1);
    return n->direction == OP_FORWARD && slot >= OP_OUT && slot < OP_D_OUT;
}

/* Runs call i: what it reads must be there before, and all it touches after its writes. Returns
 * the number of mistakes. */
static int replay(struct arena *a, const struct graph *g, const struct plan *p, int i) {
    const struct graph_node *n = &g->nodes[i];
    int mistakes = 0;
    struct op_call call;
    graph_describe(g, i, &call);
    const struct op *op = op_of(n->op);
    const int64_t scratch = op->scratch_bytes ? op->scratch_bytes(&call) : 0;
    CHECK_EQUAL(p->scratch[i] >= 0, scratch > 0);
    for (int pass = 0; pass < 3; pass++) { /* reads, writes, everything again */
        if (pass == 1 && scratch > 0) mistakes += !claim(a, p->scratch[i], scratch, SCRATCH + i);
        for (int slot = 0; slot < OP_SLOTS; slot++) {
            const int t = n->slot[slot];
            if (t == GRAPH_NONE || g->tensors[t].place.buffer) continue;
            const int64_t bytes = tensor_bytes(&g->tensors[t].tensor);
            if (pass == 1 && is_written(n, slot))
                mistakes += !claim(a, p->offset[t], bytes, 1 + t);
            else if (pass == 2 || (pass == 0 && !is_written(n, slot)))
                /* d_in of one call may be one tensor, written first and then added to */
                mistakes += !(owns(a, p->offset[t], bytes, 1 + t) ||
                              (pass == 0 && slot > OP_D_IN && n->slot[OP_D_IN] == t));
        }
        if (pass == 2 && scratch > 0) mistakes += !owns(a, p->scratch[i], scratch, SCRATCH + i);
    }
    return mistakes;
}

/* Appends a call of a random op over tensors made before; rows of 16 numbers. */
static int random_call(struct graph *g, const int *made, int n_made, struct random *r) {
    const int x = made[random_below(r, (uint64_t)n_made)];
    const int64_t n = g->tensors[x].tensor.shape[0];
    int same[64], n_same = 0; /* tensors of the shape of x */
    for (int i = 0; i < n_made && n_same < 64; i++)
        if (g->tensors[made[i]].tensor.shape[0] == n) same[n_same++] = made[i];
    const int y = same[random_below(r, (uint64_t)n_same)];
    const int bias = 0, weight = 1, lora_a = 2, lora_b = 3; /* see random_graph */
    switch (random_below(r, 6)) {
    case 0:
        return activation_call(g, x, ACTIVATION_GELU);
    case 1:
        return normalize_call(g, x);
    case 2:
        return layernorm_call(g, x, bias, bias, 1e-5f);
    case 3: {
        struct linear_inputs in = {x, weight, bias, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE};
        if (random_below(r, 2)) in.lora_a = lora_a, in.lora_b = lora_b;
        if (random_below(r, 2)) in.residual = y;
        return linear_call(g, in, (struct linear_options){.scale = 1});
    }
    default:
        return add_call(g, x, y, 1);
    }
}

static void random_graph(struct graph *g, struct random *r) {
    int made[80], n_made = 0, ends[3], gradients[3];
    const int64_t rows[] = {1, 9, 17, 30}; /* sizes of which none divides the next */
    const bool trains_weight = random_below(r, 2), trains_lora = random_below(r, 2);
    int64_t c = 16;
    graph_init(g);
    graph_parameter(g, "bias", tensor_make(TENSOR_F32, 1, &c), outside, outside);
    if (trains_weight)
        graph_parameter(g, "weight", matrix(c, c), outside, outside);
    else
        graph_input(g, "weight", matrix(c, c), outside);
    for (int i = 0; i < 2; i++) {
        const struct tensor t = i ? matrix(c, 4) : matrix(4, c);
        if (trains_lora)
            graph_parameter(g, "lora", t, outside, outside);
        else
            graph_input(g, "lora", t, outside);
    }
    for (int i = 0; i < 4; i++) made[n_made++] = graph_input(g, "x", matrix(rows[i], c), outside);
    const int n_calls = 3 + (int)random_below(r, 50);
    for (int i = 0; i < n_calls; i++, n_made++) made[n_made] = random_call(g, made, n_made, r);
    const int x = made[n_made - 1];
    const int64_t n = g->tensors[x].tensor.shape[0];
    const int weights = graph_input(g, "weights", tensor_make(TENSOR_F32, 1, &n), outside);
    ends[0] = soft_target_loss_call(/* has scratch */
                                    g,
                                    (struct soft_target_loss_inputs){x, x, weights, GRAPH_NONE,
                                                                     GRAPH_NONE},
                                    (struct soft_target_loss_options){1, 1, 1, .columns = 1});
    ends[1] = made[n_made - 1];
    ends[2] = made[n_made - 2];
    if (random_below(r, 2)) graph_place(g, ends[1], outside);
    for (int i = 0; i < 3; i++)
        gradients[i] = graph_input(g, "d", g->tensors[ends[i]].tensor, outside);
    if (random_below(r, 5)) graph_backward(g, 3, ends, gradients);
}

/* The most bytes that are in use at one call, with lives looked up naively. */
static int64_t lower_bound(const struct graph *g, const struct plan *p) {
    int64_t most = 0;
    for (int i = 0; i < g->n_nodes; i++) {
        struct op_call call;
        graph_describe(g, i, &call);
        const struct op *op = op_of(g->nodes[i].op);
        int64_t bytes = p->scratch[i] >= 0 ? rounded(op->scratch_bytes(&call)) : 0;
        for (int t = 0; t < g->n_tensors; t++) {
            bool is_before = false, is_after = false;
            if (g->tensors[t].place.buffer) continue;
            for (int k = 0; k < g->n_nodes; k++)
                for (int slot = 0; slot < OP_SLOTS; slot++) {
                    if (g->nodes[k].slot[slot] != t) continue;
                    is_before = is_before || k <= i;
                    is_after = is_after || k >= i;
                }
            if (is_before && is_after) bytes += rounded(tensor_bytes(&g->tensors[t].tensor));
        }
        if (bytes > most) most = bytes;
    }
    return most;
}

static void test_random(uint64_t seed, double *waste) {
    struct random r = random_begin(seed, RANDOM_TEST, 2, 0);
    struct graph g;
    struct plan p;
    struct error e = {0};
    random_graph(&g, &r);
    if (!CHECK_EQUAL(graph_status(&g, &e), STATUS_OK)) printf("    %s\n", e.text);
    CHECK_EQUAL(plan_init(&p, &g, &e), STATUS_OK);
    CHECK_EQUAL(p.arena_bytes % 256, 0);
    struct arena a = {calloc((size_t)(p.arena_bytes / 256) + 1, sizeof(int)), p.arena_bytes / 256};
    CHECK(a.owner);
    int mistakes = 0;
    for (int i = 0; i < g.n_nodes; i++) mistakes += replay(&a, &g, &p, i);
    for (int t = 0; t < g.n_tensors; t++)
        if (g.tensors[t].place.buffer) mistakes += p.offset[t] != -1;
    if (!CHECK_EQUAL(mistakes, 0)) printf("    seed %llu\n", (unsigned long long)seed);
    const int64_t least = lower_bound(&g, &p);
    CHECK_TRUE(p.arena_bytes >= least);
    *waste += (double)p.arena_bytes / (double)least;
    free(a.owner);
    plan_release(&p);
    CHECK_TRUE(p.offset == NULL && p.scratch == NULL);
    graph_release(&g);
}

/* A chain of n activations of 1000 numbers (4096 bytes rounded) over an input. */
static void plan_chain(struct plan *p, int n, bool trains) {
    const int64_t size = 1000;
    const struct tensor t = tensor_make(TENSOR_F32, 1, &size);
    struct graph g;
    struct error e = {0};
    graph_init(&g);
    int x =
        trains ? graph_parameter(&g, "x", t, outside, outside) : graph_input(&g, "x", t, outside);
    for (int i = 0; i < n; i++) x = activation_call(&g, x, ACTIVATION_GELU);
    const int d = graph_input(&g, "d", t, outside);
    graph_backward(&g, 1, &x, &d);
    CHECK_EQUAL(plan_init(p, &g, &e), STATUS_OK);
    graph_release(&g);
}

static void test_peaks(void) {
    struct plan p;
    /* Forward alone: what is read and what is written, two blocks in turn. */
    plan_chain(&p, 10, false);
    CHECK_EQUAL(p.arena_bytes, 2 * 4096);
    plan_release(&p);
    plan_chain(&p, 1, false);
    CHECK_EQUAL(p.arena_bytes, 4096);
    plan_release(&p);
    /* With gradients outputs 1 to 9 live until their backward. Call 10 forward: outputs 1 to 10.
     * Backward of call 10: outputs 1 to 9 and the gradient of 9. Of call 9: outputs 1 to 8 and the
     * gradients of 9 and 8. From there on it gets less. */
    plan_chain(&p, 10, true);
    CHECK_EQUAL(p.arena_bytes, 10 * 4096);
    CHECK_CLOSE(p.flops_forward, p.flops_backward, 0); /* the op counts both alike */
    CHECK_CLOSE(p.flops_forward, 10 * 8.0 * 1000, 0);  /* 8 per number, see activation.c */
    plan_release(&p);
}

static void test_empty(void) {
    struct graph g;
    struct plan p;
    struct error e = {0};
    graph_init(&g);
    CHECK_EQUAL(plan_init(&p, &g, &e), STATUS_OK);
    CHECK_EQUAL(p.arena_bytes, 0);
    plan_release(&p);
    graph_release(&g);
}

/* Slices run where the caller says, and fixed places move by their stride. */
static void test_resolve(void) {
    const struct place strided = {.buffer = &somewhere, .offset = 512, .slice_stride = 1024};
    const struct place shared = {.buffer = &somewhere, .offset = 256};
    const struct place block = {.buffer = &somewhere, .offset = 768, .base = OP_BASE_BLOCK};
    const struct place other = {.buffer = &somewhere, .base = OP_BASE_OTHER};
    struct buffer arena[3] = {{0}}, blocks[3] = {{0}}, others[3] = {{0}};
    struct graph g;
    struct plan p;
    struct error e = {0};
    struct op_call call;
    graph_init(&g);
    const int x = graph_input(&g, "x", matrix(3, 16), strided);
    const int weights = graph_input(&g, "weights", matrix(3, 1), shared);
    const int h = activation_call(&g, x, ACTIVATION_RELU);
    soft_target_loss_call(&g,
                          (struct soft_target_loss_inputs){h, h, weights, GRAPH_NONE, GRAPH_NONE},
                          (struct soft_target_loss_options){1, 1, 1, .columns = 1});
    const int sum = graph_input(&g, "sum", matrix(3, 16), block);
    add_block_update(&g, sum, graph_input(&g, "half", matrix(3, 16), other),
                     (struct add_block_options){0});
    CHECK_EQUAL(plan_init(&p, &g, &e), STATUS_OK);
    for (int s = 0; s < 3; s++) {
        const struct work_place at = {s, &arena[s], &blocks[s], &others[s]};
        program_resolve(&call, &g, &p, &at, 0);
        CHECK_TRUE(call.slot[OP_IN].buffer == &somewhere);
        CHECK_EQUAL(call.slot[OP_IN].offset, 512 + 1024 * s);
        CHECK_EQUAL(call.slot[OP_IN].slice_stride, 1024);
        CHECK_TRUE(call.slot[OP_OUT].buffer == &arena[s]);
        CHECK_EQUAL(call.slot[OP_OUT].base, OP_BASE_ARENA);
        CHECK_EQUAL(call.slot[OP_OUT].offset, p.offset[h]);
        CHECK_TRUE(call.slot[OP_IN + 1].buffer == NULL);
        CHECK_TRUE(call.slot[OP_SCRATCH].buffer == NULL);
        program_resolve(&call, &g, &p, &at, 1);
        CHECK_EQUAL(call.slot[OP_IN + 2].offset, 256);
        CHECK_TRUE(call.slot[OP_SCRATCH].buffer == &arena[s]);
        CHECK_EQUAL(call.slot[OP_SCRATCH].offset, p.scratch[1]);
        CHECK_EQUAL(tensor_bytes(&call.slot[OP_SCRATCH].tensor),
                    op_soft_target_loss.scratch_bytes(&call));
        CHECK_TRUE(call.slot[OP_SCRATCH].offset + tensor_bytes(&call.slot[OP_SCRATCH].tensor) <=
                   p.arena_bytes);
        program_resolve(&call, &g, &p, &at, 2);
        CHECK_TRUE(call.slot[OP_IN].buffer == &blocks[s] && call.slot[OP_OUT].buffer == &blocks[s]);
        CHECK_EQUAL(call.slot[OP_OUT].offset, 768);
        CHECK_TRUE(call.slot[OP_IN + 1].buffer == &others[s]);
    }
    plan_release(&p);
    graph_release(&g);
}

int main(void) {
    enum { GRAPHS = 300 };
    const char *text = getenv("SAPWOOD_TEST_SEED");
    const uint64_t seed = text ? strtoull(text, NULL, 10) : 1;
    double waste = 0;
    printf("SAPWOOD_TEST_SEED=%llu\n", (unsigned long long)seed);
    for (uint64_t i = 0; i < GRAPHS; i++) test_random(seed * 1000 + i, &waste);
    printf("arena over what is live at once: %.3f on average\n", waste / GRAPHS);
    CHECK_TRUE(waste / GRAPHS < 1.05);
    test_peaks();
    test_empty();
    test_resolve();
    return check_report();
}
