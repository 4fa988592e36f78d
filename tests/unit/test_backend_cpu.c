/* The calls of an update are shared by all threads in pieces that do not depend on their number:
 * the bits are those of one thread, and of the whole call at once. Their times add up. */
#include "models/backend.h"
#include "models/ops/adamw.h"
#include "models/ops/add_block.h"
#include "models/ops/blend.h"
#include "models/ops/gradient_norm.h"
#include "models/program.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/random.h"
#include "shaders/params/adamw.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Four pieces of 65,536 numbers and a part of one; places of so many, and four small ones. */
enum {
    N = 4 * 65536 + 4321,
    GRADIENT = 0,
    OTHER,
    WEIGHTS,
    FIRST,
    SECOND,
    TEACHER,
    PLACES,
    SMALL = 1024
};
static const int64_t stride = (N * 4 + 255) / 256 * 256;

static struct error e;

static int floats(struct graph *g, struct buffer *b, int64_t offset, int64_t n) {
    return graph_input(g, "numbers", tensor_make(TENSOR_F32, 1, &n),
                       (struct place){.buffer = b, .offset = offset});
}

/* gradient += other; norm; AdamW; the teacher follows. */
static void build(struct graph *g, struct buffer *b) {
    int place[PLACES];
    graph_init(g);
    for (int i = 0; i < PLACES; i++) place[i] = floats(g, b, i * stride, N);
    const int norm = floats(g, b, PLACES * stride, 2);
    const int clip = floats(g, b, PLACES * stride + 256, 1);
    const int keep = floats(g, b, PLACES * stride + 512, 1);
    const int numbers = floats(g, b, PLACES * stride + 768, ADAMW_NUMBERS);
    add_block_update(g, place[GRADIENT], place[OTHER], (struct add_block_options){0});
    gradient_norm_update(g, place[GRADIENT], clip, norm);
    const struct adamw_tensors t = {.gradient = place[GRADIENT],
                                    .norm = norm,
                                    .numbers = numbers,
                                    .parameter = place[WEIGHTS],
                                    .first = place[FIRST],
                                    .second = place[SECOND]};
    adamw_update(g, t, (struct adamw_options){.decay = 1});
    blend_update(g, place[TEACHER], place[WEIGHTS], keep);
}

static float *start(void) {
    struct random r = random_begin(1, RANDOM_TEST, 9, 0);
    float *numbers = calloc(1, (size_t)(PLACES * stride + SMALL));
    float *small = numbers + PLACES * stride / 4, *adamw = small + 192;
    CHECK(numbers);
    for (int64_t i = 0; i < PLACES * stride / 4; i++) numbers[i] = random_normal(&r);
    for (int64_t i = 0; i < N; i++) numbers[SECOND * stride / 4 + i] = 0.5f;
    adamw[ADAMW_RATE] = 1e-2f;
    adamw[ADAMW_DECAY] = 0.2f;
    adamw[ADAMW_BETA1] = 0.9f;
    adamw[ADAMW_BETA2] = 0.98f;
    adamw[ADAMW_EPSILON] = 1e-6f;
    adamw[ADAMW_CORRECTION1] = 0.1f;
    adamw[ADAMW_CORRECTION2] = 0.02f;
    small[64] = 1;      /* clip */
    small[128] = 0.99f; /* keep */
    return numbers;
}

/* The times of two updates: of each op two calls, what they did, and a share of the time that
 * passed; then nothing, until something runs again. */
static void test_times(struct backend *b, double wall) {
    static const struct {
        enum op_id op;
        double flops, bytes; /* for each number; those of the small places are few */
    } rows[] = {
        {OP_add_block, 1, 3 * 4},
        {OP_gradient_norm, 2, 4},
        {OP_adamw, 0, 7 * 4},
        {OP_blend, 0, 3 * 4}};
    struct op_times t;
    double seconds = 0;
    int n_rows = 0;
    CHECK_EQUAL(b->table->times(b, &t, &e), STATUS_OK);
    for (int i = 0; i < OP_COUNT; i++) {
        CHECK_EQUAL(t.of[i][OP_BACKWARD].calls, 0);
        n_rows += t.of[i][OP_FORWARD].calls > 0;
        seconds += t.of[i][OP_FORWARD].seconds;
    }
    CHECK_EQUAL(n_rows, 4);
    CHECK_TRUE(seconds <= wall * b->n_workers);
    for (int i = 0; i < 4; i++) {
        const struct op_time *row = &t.of[rows[i].op][OP_FORWARD];
        CHECK_EQUAL(row->calls, 2);
        CHECK_TRUE(row->seconds > 0);
        CHECK_CLOSE(row->bytes, 2.0 * N * rows[i].bytes, 2 * SMALL);
        if (rows[i].flops > 0) CHECK_CLOSE(row->flops, 2.0 * N * rows[i].flops, 0);
    }
    CHECK_EQUAL(b->table->times(b, &t, &e), STATUS_OK);
    CHECK_EQUAL(t.of[OP_add_block][OP_FORWARD].calls, 0);
    CHECK_TRUE(t.of[OP_add_block][OP_FORWARD].seconds == 0);
}

/* Two updates with so many threads; 0: each call at once, without a backend's work. */
static float *update(int threads) {
    const struct backend_options options = {
        .device = "cpu", .threads = threads ? threads : 1, .times = threads > 0};
    struct backend *b = NULL;
    struct buffer *buffer = NULL;
    struct program *p = NULL;
    struct graph g;
    float *numbers = start();
    const int64_t bytes = PLACES * stride + SMALL;
    CHECK_EQUAL(backend_create(&b, &options, &e), STATUS_OK);
    CHECK_EQUAL(b->table->buffer_create(b, &buffer, bytes, &e), STATUS_OK);
    CHECK_EQUAL(b->table->upload(buffer, 0, numbers, bytes, &e), STATUS_OK);
    build(&g, buffer);
    const double begin = clock_seconds();
    CHECK_EQUAL(program_create(&p, b, &g, 1, NULL, &e), STATUS_OK);
    for (int round = 0; round < 2; round++) {
        if (threads) {
            CHECK_EQUAL(b->table->run(b, p->forward, 1, &e), STATUS_OK);
        } else {
            for (int i = 0; i < g.n_nodes; i++) {
                struct op_call call;
                program_resolve(&call, &g, &p->plan, &p->at[0], i);
                op_run(&call);
            }
        }
    }
    CHECK_EQUAL(b->table->download(numbers, buffer, 0, bytes, &e), STATUS_OK);
    if (threads) test_times(b, clock_seconds() - begin);
    program_destroy(&p);
    graph_release(&g);
    b->table->buffer_destroy(buffer);
    backend_destroy(&b);
    return numbers;
}

int main(void) {
    float *before = start(), *whole = update(0);
    for (int threads = 1; threads <= 4; threads++) {
        float *found = update(threads);
        for (int i = 0; i < PLACES; i++) {
            const int64_t at = i * stride / 4;
            const bool is_read_only = i == OTHER;
            if (!CHECK_TRUE(memcmp(found + at, whole + at, N * sizeof(float)) == 0))
                printf("    %d threads, place %d\n", threads, i);
            CHECK_EQUAL(memcmp(found + at + N - 1, before + at + N - 1, sizeof(float)) == 0,
                        is_read_only);
        }
        free(found);
    }
    free(whole);
    free(before);
    return check_report();
}
