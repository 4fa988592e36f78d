/* Graphs and the programs made of them: which gradient calls there are, what they add up to, and
 * how mistakes are reported. Expected gradients come from pencil and paper, and for random graphs
 * of additions from the coefficients of their parameters. */
#include "models/graph.h"
#include "models/ops/activation.h"
#include "models/ops/add.h"
#include "models/ops/clamp.h"
#include "models/ops/layernorm.h"
#include "models/ops/linear.h"
#include "models/ops/normalize.h"
#include "models/ops/add_block.h"
#include "models/program.h"
#include "pipeline/base/random.h"
#include "tests/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A backend with one buffer, from which places are taken one after the other. */
struct bench {
    struct backend *backend;
    struct buffer *buffer;
    int64_t used;
    struct graph graph;
};

static void bench_begin(struct bench *b, int threads) {
    const struct backend_options options = {.device = "cpu", .threads = threads};
    struct error e = {0};
    *b = (struct bench){0};
    graph_init(&b->graph);
    CHECK(backend_cpu_create(&b->backend, &options, &e) == STATUS_OK);
    CHECK(b->backend->table->buffer_create(b->backend, &b->buffer, 1 << 20, &e) == STATUS_OK);
}

static void bench_end(struct bench *b) {
    graph_release(&b->graph);
    b->backend->table->buffer_destroy(b->buffer);
    backend_destroy(&b->backend);
}

/* Room for n floats in each of n_slices slices; 0: room that all slices share. */
static struct place room(struct bench *b, int64_t n, int n_slices) {
    const int64_t bytes = (n * (int64_t)sizeof(float) + 255) / 256 * 256;
    const struct place place = {
        .buffer = b->buffer, .offset = b->used, .slice_stride = n_slices ? bytes : 0};
    b->used += bytes * (n_slices ? n_slices : 1);
    CHECK(b->used <= b->buffer->bytes);
    return place;
}

static float *numbers(const struct place *place, int slice) {
    return (float *)((char *)place->buffer->data + place->offset + slice * place->slice_stride);
}

static void set(const struct place *place, int slice, const float *values, int n) {
    memcpy(numbers(place, slice), values, (size_t)n * sizeof *values);
}

static void check_numbers(const struct place *place, int slice, const float *expected, int n) {
    for (int i = 0; i < n; i++) CHECK_CLOSE(numbers(place, slice)[i], expected[i], 1e-6);
}

static struct tensor vector(int64_t n) {
    return tensor_make(TENSOR_F32, 1, &n);
}

static struct tensor matrix(int64_t rows, int64_t columns) {
    return tensor_make(TENSOR_F32, 2, (int64_t[]){rows, columns});
}

/* Runs the graph forward and backward for all slices at once. */
static void run(struct bench *b, int n_slices) {
    struct error e = {0};
    struct program *p = NULL;
    if (!CHECK_EQUAL(program_create(&p, b->backend, &b->graph, n_slices, NULL, &e), STATUS_OK)) {
        printf("    %s\n", e.text);
        return;
    }
    const struct backend_table *table = b->backend->table;
    CHECK_EQUAL(table->run(b->backend, p->forward, n_slices, &e), STATUS_OK);
    if (p->backward) CHECK_EQUAL(table->run(b->backend, p->backward, n_slices, &e), STATUS_OK);
    CHECK_EQUAL(table->wait(b->backend, &e), STATUS_OK);
    program_destroy(&p);
    CHECK_TRUE(p == NULL);
}

static int backward_calls(const struct graph *g) {
    return g->n_nodes - g->n_forward;
}

/* y = (p + 3 p) + 0.5 relu(p): dy/dp = 4 + 0.5 where p > 0, from three contributions. */
static void test_several_readers(void) {
    struct bench b;
    bench_begin(&b, 1);
    struct graph *g = &b.graph;
    const struct place at_p = room(&b, 3, 0), at_dp = room(&b, 3, 0);
    const struct place at_y = room(&b, 3, 0), at_dy = room(&b, 3, 0);
    const int p = graph_parameter(g, "p", vector(3), at_p, at_dp);
    const int sum = add_call(g, p, p, 3), relu = activation_call(g, p, ACTIVATION_RELU);
    const int y = add_call(g, sum, relu, 0.5f);
    graph_place(g, y, at_y);
    const int dy = graph_input(g, "dy", vector(3), at_dy);
    graph_backward(g, 1, &y, &dy);

    CHECK_EQUAL(backward_calls(g), 3);
    /* Backward calls come in the opposite order: y, relu, sum. */
    CHECK_EQUAL(g->nodes[3].forward, 2);
    CHECK_EQUAL(g->nodes[4].forward, 1);
    CHECK_EQUAL(g->nodes[5].forward, 0);
    CHECK_EQUAL(g->nodes[3].accumulate, 0);
    CHECK_EQUAL(g->nodes[4].accumulate, 0); /* the first contribution overwrites */
    CHECK_EQUAL(g->nodes[5].accumulate, 3);
    CHECK_EQUAL(g->nodes[5].slot[OP_D_IN], g->nodes[5].slot[OP_D_IN + 1]);
    CHECK_EQUAL(g->nodes[4].slot[OP_D_IN], g->nodes[5].slot[OP_D_IN]);

    set(&at_p, 0, (float[]){2, -2, 1}, 3);
    set(&at_dy, 0, (float[]){1, 10, 100}, 3);
    set(&at_dp, 0, (float[]){NAN, NAN, NAN}, 3); /* must be overwritten */
    run(&b, 1);
    check_numbers(&at_y, 0, (float[]){9, -8, 4.5f}, 3);
    check_numbers(&at_dp, 0, (float[]){4.5f, 40, 450}, 3);
    bench_end(&b);
}

/* The same tensor twice in one call, alone: one call writes, then adds. */
static void test_both_operands(void) {
    struct bench b;
    bench_begin(&b, 1);
    struct graph *g = &b.graph;
    const struct place at_p = room(&b, 1, 0), at_dp = room(&b, 1, 0), at_dy = room(&b, 1, 0);
    const int p = graph_parameter(g, "p", vector(1), at_p, at_dp);
    const int y = add_call(g, p, p, 3);
    const int dy = graph_input(g, "dy", vector(1), at_dy);
    graph_backward(g, 1, &y, &dy);
    CHECK_EQUAL(backward_calls(g), 1);
    CHECK_EQUAL(g->nodes[1].accumulate, 2);
    set(&at_dy, 0, (float[]){5}, 1);
    set(&at_dp, 0, (float[]){NAN}, 1);
    run(&b, 1);
    check_numbers(&at_dp, 0, (float[]){20}, 1);
    bench_end(&b);
}

/* A frozen tower under an adapter, with a branch that does not reach the loss. */
static void test_frozen_parts(void) {
    static struct buffer somewhere;
    const struct place place = {.buffer = &somewhere};
    struct graph g;
    graph_init(&g);
    const int x = graph_input(&g, "x", matrix(4, 8), place);
    const int gain = graph_input(&g, "gain", vector(8), place);
    const int bias = graph_input(&g, "bias", vector(8), place);
    const int weight = graph_input(&g, "weight", matrix(8, 8), place);
    const int lora_a = graph_parameter(&g, "lora_a", matrix(2, 8), place, place);
    const int lora_b = graph_parameter(&g, "lora_b", matrix(8, 2), place, place);
    const int unused = graph_parameter(&g, "unused", matrix(4, 8), place, place);
    /* 0 to 2: below the lowest adapter */
    const int norm = layernorm_call(&g, x, gain, bias, 1e-5f);
    const int low = linear_call(
        &g, (struct linear_inputs){norm, weight, bias, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE},
        (struct linear_options){0});
    const int hidden = activation_call(&g, low, ACTIVATION_GELU);
    /* 3 to 5: the adapter and what stands on it */
    const int adapted =
        linear_call(&g, (struct linear_inputs){hidden, weight, bias, lora_a, lora_b, low},
                    (struct linear_options){.scale = 2});
    const int upper = layernorm_call(&g, adapted, gain, bias, 1e-5f);
    const int y = linear_call(
        &g, (struct linear_inputs){upper, weight, bias, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE},
        (struct linear_options){0});
    /* 6 and 7: needs gradients but no output follows from it */
    add_call(&g, unused, adapted, 1);
    normalize_call(&g, upper);
    const int dy = graph_input(&g, "dy", matrix(4, 8), place);
    graph_backward(&g, 1, &y, &dy);
    CHECK_EQUAL(graph_status(&g, NULL), STATUS_OK);
    CHECK_EQUAL(g.n_forward, 8);
    CHECK_EQUAL(backward_calls(&g), 3);
    static const int forward_of[] = {5, 4, 3};
    for (int i = 0; i < 3; i++) {
        const struct graph_node *n = &g.nodes[g.n_forward + i];
        CHECK_EQUAL(n->direction, OP_BACKWARD);
        CHECK_EQUAL(n->forward, forward_of[i]);
        /* No gradient of a frozen weight, gain or bias, and none of x or the residual. */
        CHECK_EQUAL(n->slot[OP_D_IN + LINEAR_WEIGHT], GRAPH_NONE);
        CHECK_EQUAL(n->slot[OP_D_IN + LINEAR_BIAS], GRAPH_NONE);
        CHECK_EQUAL(n->slot[OP_D_IN + LINEAR_RESIDUAL], GRAPH_NONE);
        CHECK_EQUAL(n->slot[OP_D_IN + LINEAR_X] != GRAPH_NONE, i < 2);
        CHECK_EQUAL(n->slot[OP_D_IN + LINEAR_LORA_A] != GRAPH_NONE, i == 2);
        CHECK_EQUAL(n->slot[OP_D_IN + LINEAR_LORA_B] != GRAPH_NONE, i == 2);
    }
    /* With W frozen the gradient of x needs W, and x itself is not kept for it. */
    CHECK_EQUAL(g.nodes[g.n_forward].slot[OP_IN + LINEAR_X], GRAPH_NONE);
    CHECK_EQUAL(g.nodes[g.n_forward].slot[OP_IN + LINEAR_WEIGHT], weight);
    CHECK_EQUAL(g.tensors[unused].gradient, GRAPH_NONE);
    CHECK_EQUAL(g.tensors[x].gradient, GRAPH_NONE);
    graph_release(&g);
}

static void test_all_frozen(void) {
    static struct buffer somewhere;
    const struct place place = {.buffer = &somewhere};
    struct graph g;
    graph_init(&g);
    const int x = graph_input(&g, "x", vector(4), place);
    const int y = add_call(&g, activation_call(&g, x, ACTIVATION_RELU), x, 1);
    const int dy = graph_input(&g, "dy", vector(4), place);
    graph_backward(&g, 1, &y, &dy);
    CHECK_EQUAL(backward_calls(&g), 0);
    graph_release(&g);
}

/* y = x + 2 relu(x + p) for two slices: x, y and the parts of dp lie apart, p is shared. The
 * backward of relu reads x + p of its own slice from the arena. */
static void test_slices(int threads) {
    struct bench b;
    bench_begin(&b, threads);
    struct graph *g = &b.graph;
    const int n = 70; /* 280 bytes: strides of 512 */
    const struct place at_x = room(&b, n, 2), at_p = room(&b, n, 0), at_dp = room(&b, n, 2);
    const struct place at_y = room(&b, n, 2), at_dy = room(&b, n, 2);
    CHECK_EQUAL(at_x.slice_stride, 512);
    const int x = graph_input(g, "x", vector(n), at_x);
    const int p = graph_parameter(g, "p", vector(n), at_p, at_dp);
    const int relu = activation_call(g, add_call(g, x, p, 1), ACTIVATION_RELU);
    const int y = add_call(g, x, relu, 2);
    graph_place(g, y, at_y);
    const int dy = graph_input(g, "dy", vector(n), at_dy);
    graph_backward(g, 1, &y, &dy);
    for (int i = 0; i < n; i++) {
        numbers(&at_p, 0)[i] = (float)i;
        for (int s = 0; s < 2; s++) {
            numbers(&at_x, s)[i] = i % 2 == s ? 1000 : -1000;
            numbers(&at_dy, s)[i] = (float)(s ? -i - 1 : i + 1);
        }
    }
    run(&b, 2);
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < n; i++) {
            const float slope = i % 2 == s ? 2 : 0; /* only there x + p > 0 */
            CHECK_CLOSE(numbers(&at_y, s)[i], slope > 0 ? 3000 + 2 * i : -1000, 0);
            CHECK_CLOSE(numbers(&at_dp, s)[i], slope * (float)(s ? -i - 1 : i + 1), 0);
        }
    bench_end(&b);
}

/* Updates in place run in the order in which they were added. */
static void test_in_place(void) {
    struct bench b;
    bench_begin(&b, 1);
    struct graph *g = &b.graph;
    const struct place at_x = room(&b, 3, 0), at_y = room(&b, 3, 0);
    const int x = graph_input(g, "x", vector(3), at_x);
    const int y = graph_input(g, "y", vector(3), at_y);
    clamp_update(g, x, (struct clamp_options){-1, 2});
    add_block_update(g, y, x, (struct add_block_options){0});
    clamp_update(g, y, (struct clamp_options){-10, 3});
    CHECK_EQUAL(g->n_nodes, 3);
    CHECK_EQUAL(g->n_tensors, 2); /* no tensor was made */
    CHECK_EQUAL(g->nodes[0].slot[OP_IN], g->nodes[0].slot[OP_OUT]);
    set(&at_x, 0, (float[]){5, 1, -7}, 3);
    set(&at_y, 0, (float[]){2, 0.5f, -1}, 3);
    run(&b, 1);
    check_numbers(&at_x, 0, (float[]){2, 1, -1}, 3);
    check_numbers(&at_y, 0, (float[]){3, 1.5f, -2}, 3);
    bench_end(&b);
}

/* The first mistake is kept with call, operands and shapes; what follows it does nothing. */
static void test_wrong_shape(void) {
    struct bench b;
    bench_begin(&b, 1);
    struct graph *g = &b.graph;
    struct error e = {0};
    const int x = graph_input(g, "picture", matrix(2, 3), room(&b, 6, 0));
    const int w = graph_input(g, "turned", matrix(3, 2), room(&b, 6, 0));
    const int good = add_call(g, x, x, 1);
    CHECK_EQUAL(graph_status(g, &e), STATUS_OK);
    const int bad = add_call(g, good, w, 1);
    CHECK_EQUAL(bad, GRAPH_NONE);
    CHECK_EQUAL(graph_status(g, &e), STATUS_BAD_ARG);
    CHECK_TRUE(strstr(e.text, "call 1 of add with add (2, 3), turned (3, 2)") != NULL);
    const struct error first = e;
    const int n_tensors = g->n_tensors, n_nodes = g->n_nodes;
    const int after = activation_call(g, bad, ACTIVATION_RELU);
    CHECK_EQUAL(after, GRAPH_NONE);
    CHECK_EQUAL(normalize_call(g, w), GRAPH_NONE);
    CHECK_EQUAL(graph_input(g, "late", matrix(2, 2), room(&b, 4, 0)), GRAPH_NONE);
    graph_place(g, bad, room(&b, 4, 0));
    graph_backward(g, 1, &after, &bad);
    CHECK_EQUAL(g->n_tensors, n_tensors);
    CHECK_EQUAL(g->n_nodes, n_nodes);
    CHECK_EQUAL(graph_status(g, &e), STATUS_BAD_ARG);
    CHECK_TEXT(e.text, first.text);

    struct program *p = (struct program *)&e; /* must become NULL */
    struct error from_program = {0};
    CHECK_EQUAL(program_create(&p, b.backend, g, 1, NULL, &from_program), STATUS_BAD_ARG);
    CHECK_TRUE(p == NULL);
    CHECK_TEXT(from_program.text, first.text);
    bench_end(&b);
}

enum { LEAVES = 5, CALLS = 24, OUTPUTS = 2 };

/* A tensor of a random graph: the sum of coefficient times leaf. size: the sum of the absolute
 * values of everything that was added up, which bounds the rounding. */
struct combination {
    double coefficient[LEAVES], size[LEAVES];
    int tensor;
};

/* Random sums of random tensors; every gradient is the coefficient of its parameter. Leaf 0 is
 * frozen. */
static void test_random_sums(uint64_t seed, int n) {
    static const float scales[] = {1, -1, 0.5f, 2, -0.25f};
    struct random r = random_begin(seed, RANDOM_TEST, 1, 0);
    struct bench b;
    struct combination all[LEAVES + CALLS] = {0};
    struct place at[LEAVES], at_d[LEAVES], at_y[OUTPUTS], at_dy[OUTPUTS];
    int outputs[OUTPUTS], gradients[OUTPUTS];
    bench_begin(&b, 1);
    struct graph *g = &b.graph;
    for (int i = 0; i < LEAVES; i++) {
        at[i] = room(&b, n, 0);
        at_d[i] = room(&b, n, 0);
        all[i].tensor = i == 0 ? graph_input(g, "frozen", vector(n), at[i])
                               : graph_parameter(g, "leaf", vector(n), at[i], at_d[i]);
        all[i].coefficient[i] = all[i].size[i] = 1;
        for (int k = 0; k < n; k++) {
            numbers(&at[i], 0)[k] = random_normal(&r);
            numbers(&at_d[i], 0)[k] = 7; /* stays where no gradient comes */
        }
    }
    for (int i = LEAVES; i < LEAVES + CALLS; i++) {
        const struct combination *x = &all[random_below(&r, (uint64_t)i)];
        const struct combination *y = &all[random_below(&r, (uint64_t)i)];
        const float scale = scales[random_below(&r, 5)];
        for (int k = 0; k < LEAVES; k++) {
            all[i].coefficient[k] = x->coefficient[k] + scale * y->coefficient[k];
            all[i].size[k] = x->size[k] + fabs((double)scale) * y->size[k];
        }
        all[i].tensor = add_call(g, x->tensor, y->tensor, scale);
    }
    /* The last calls are the outputs: nothing reads the second, the second may read the first, and
     * then the gradient of the first has a contribution from outside and one from inside. */
    const struct combination *ends[OUTPUTS] = {&all[LEAVES + CALLS - 2], &all[LEAVES + CALLS - 1]};
    double dy[OUTPUTS];
    for (int o = 0; o < OUTPUTS; o++) {
        at_y[o] = room(&b, n, 0);
        at_dy[o] = room(&b, n, 0);
        outputs[o] = ends[o]->tensor;
        graph_place(g, outputs[o], at_y[o]);
        gradients[o] = graph_input(g, "dy", vector(n), at_dy[o]);
        dy[o] = o ? -1.5 : 2;
        for (int k = 0; k < n; k++) numbers(&at_dy[o], 0)[k] = (float)dy[o];
    }
    graph_backward(g, OUTPUTS, outputs, gradients);
    run(&b, 1);
    bool good = true;
    for (int o = 0; o < OUTPUTS; o++)
        for (int k = 0; k < n; k++) {
            double expected = 0, size = 0;
            for (int i = 0; i < LEAVES; i++) {
                expected += ends[o]->coefficient[i] * numbers(&at[i], 0)[k];
                size += ends[o]->size[i] * fabs((double)numbers(&at[i], 0)[k]);
            }
            good = good && fabs(numbers(&at_y[o], 0)[k] - expected) <= 1e-5 * size;
        }
    if (!CHECK_TRUE(good)) printf("    outputs of seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < LEAVES; i++) {
        double expected = 0, size = 0;
        for (int o = 0; o < OUTPUTS; o++) {
            expected += dy[o] * ends[o]->coefficient[i];
            size += fabs(dy[o]) * ends[o]->size[i];
        }
        if (i == 0 || size == 0) expected = 7;
        good = true;
        for (int k = 0; k < n; k++)
            good = good && fabs(numbers(&at_d[i], 0)[k] - expected) <= 1e-5 * size;
        if (!CHECK_TRUE(good))
            printf("    leaf %d of seed %llu: found %g, expected %g\n", i, (unsigned long long)seed,
                   (double)*numbers(&at_d[i], 0), expected);
    }
    bench_end(&b);
}

int main(void) {
    const char *text = getenv("SAPWOOD_TEST_SEED");
    const uint64_t seed = text ? strtoull(text, NULL, 10) : 1;
    printf("SAPWOOD_TEST_SEED=%llu\n", (unsigned long long)seed);
    test_several_readers();
    test_both_operands();
    test_frozen_parts();
    test_all_frozen();
    test_slices(1);
    test_slices(2);
    test_in_place();
    test_wrong_shape();
    for (uint64_t i = 0; i < 200; i++) test_random_sums(seed * 1000 + i, i % 3 ? 5 : 131);
    return check_report();
}
