/* The bottleneck adapter against PyTorch (make_golden.py): value and every gradient. Its input is
 * read twice, by the adapter and as what it is added to, so gradients add up too. */
#include "models/clip/towers.h"
#include "models/program.h"
#include "tests/check.h"
#include "tests/golden.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 6, WIDTH = 16, INNER = 4, PARAMETERS = 7, BLOCK = 1024 }; /* bytes between tensors */

static struct error e;

/* fp32 against PyTorch's fp64 rounded: a few units in the last place of the largest value. */
static void check_block(struct buffer *buffer, int block, const char *name) {
    int64_t n;
    const float *expected = golden_f32(name, &n);
    float found[BLOCK / 4], largest = 0;
    CHECK_EQUAL(buffer->backend->table->download(found, buffer, block * BLOCK, n * 4, &e),
                STATUS_OK);
    for (int64_t i = 0; i < n; i++) largest = fmaxf(largest, fabsf(expected[i]));
    for (int64_t i = 0; i < n; i++) CHECK_CLOSE(found[i], expected[i], 2e-6f * largest);
}

static void upload(struct buffer *buffer, int block, const char *name) {
    int64_t n;
    const float *values = golden_f32(name, &n);
    CHECK_TRUE(n * 4 <= BLOCK);
    CHECK_EQUAL(buffer->backend->table->upload(buffer, block * BLOCK, values, n * 4, &e),
                STATUS_OK);
}

int main(void) {
    static const char *const names[PARAMETERS] = {
        "x", "ln.weight", "ln.bias", "down.weight", "down.bias", "up.weight", "up.bias"};
    const struct backend_options options = {.device = "cpu", .threads = 1};
    const struct adapter_config adapters = {.bottleneck = INNER, .bottleneck_scale = 0.5f};
    struct parameters parameters;
    struct backend *backend = NULL;
    struct buffer *values = NULL, *gradients = NULL, *output = NULL;
    struct tower_builder b;
    struct graph g;
    struct program *program = NULL;
    golden_open("uniadapter");
    parameters_init(&parameters);
    graph_init(&g);
    CHECK_EQUAL(backend_create(&backend, &options, &e), STATUS_OK);
    const struct backend_table *t = backend->table;
    CHECK_EQUAL(t->buffer_create(backend, &values, PARAMETERS * BLOCK, &e), STATUS_OK);
    CHECK_EQUAL(t->buffer_create(backend, &gradients, PARAMETERS * BLOCK, &e), STATUS_OK);
    CHECK_EQUAL(t->buffer_create(backend, &output, 2 * BLOCK, &e), STATUS_OK);
    for (int i = 0; i < PARAMETERS; i++) {
        static const int64_t shapes[PARAMETERS][2] = {
            {ROWS, WIDTH}, {WIDTH}, {WIDTH}, {INNER, WIDTH}, {INNER}, {WIDTH, INNER}, {WIDTH}};
        struct parameter w = {.kind = PARAMETER_ADAPTER,
                              .is_trainable = true,
                              .tensor = tensor_make(TENSOR_F32, shapes[i][1] ? 2 : 1, shapes[i])};
        snprintf(w.name, sizeof w.name, "adapter.%s", names[i]);
        CHECK_EQUAL(parameters_add(&parameters, &w, &e), STATUS_OK);
        parameters.list[i].offset = i * BLOCK;
        upload(values, i, names[i]);
    }
    upload(output, 1, "grad.y");
    const struct architecture architecture = {.norm_epsilon = 1e-5f};
    const struct weights_view view = {.parameters = &parameters,
                                      .architecture = &architecture,
                                      .trainable = values,
                                      .gradients = {.buffer = gradients},
                                      .adapters = &adapters};
    CHECK_EQUAL(tower_builder_init(&b, &g, &view, &e), STATUS_OK);
    const int x = tower_parameter(&b, "adapter.x");
    const int y = tower_bottleneck(&b, "", x, x);
    graph_place(&g, y, (struct place){.buffer = output});
    const int dy = graph_input(&g, "dy", tensor_make(TENSOR_F32, 2, (int64_t[]){ROWS, WIDTH}),
                               (struct place){.buffer = output, .offset = BLOCK});
    graph_backward(&g, 1, &y, &dy);
    CHECK_EQUAL(program_create(&program, backend, &g, 1, NULL, &e), STATUS_OK);
    CHECK_EQUAL(t->run(backend, program->forward, 1, &e), STATUS_OK);
    CHECK_EQUAL(t->run(backend, program->backward, 1, &e), STATUS_OK);
    check_block(output, 0, "y");
    for (int i = 0; i < PARAMETERS; i++) {
        char name[64];
        snprintf(name, sizeof name, "grad.%s", names[i]);
        check_block(gradients, i, name);
    }
    program_destroy(&program);
    tower_builder_release(&b);
    graph_release(&g);
    t->buffer_destroy(values);
    t->buffer_destroy(gradients);
    t->buffer_destroy(output);
    parameters_release(&parameters);
    backend_destroy(&backend);
    golden_close();
    return check_report();
}
