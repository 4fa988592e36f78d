#include "models/ops/blend.h"
#include "tests/check.h"
#include "tests/golden.h"
#include "tests/ops/op_harness.h"

#include <math.h>

static void run(int64_t n, float keep, const float *state, const float *x, const float *expected) {
    struct op_harness_case c = {
        .op = &op_blend,
        .id = OP_blend,
        .in = {op_harness_f32(n, 0, 0, 0), op_harness_f32(n, 0, 0, 0), op_harness_number()},
        .in_place = {1},
        .expected_out = {expected},
    };
    c.in[0].values = state;
    c.in[1].values = x;
    c.in[2].values = &keep;
    op_harness_run(&c);
}

/* With a constant x, what is left of the first difference after n steps is keep^n. */
static void test_decay(void) {
    float state[] = {5, -3}, x[] = {1, 2}, keep = 0.996f;
    const int64_t n = 2;
    struct op_call call = {.op = OP_blend};
    call.slot[OP_OUT].tensor = tensor_make(TENSOR_F32, 1, &n);
    call.slot[OP_IN].data = call.slot[OP_OUT].data = state;
    call.slot[OP_IN + 1].data = x;
    call.slot[OP_IN + 2].data = &keep;
    for (int i = 0; i < 100; i++) op_blend.forward(&call);
    CHECK_CLOSE(state[0] - 1, 4 * pow(0.996, 100), 1e-4); /* 100 roundings of numbers up to 5 */
    CHECK_CLOSE(state[1] - 2, -5 * pow(0.996, 100), 1e-4);
}

/* The centre of self-distillation after one moving average, by PyTorch. */
static void test_golden(void) {
    int64_t n, n_rows;
    float mean[64] = {0};
    golden_open("consistency");
    const float *center = golden_f32("centre", &n), *teacher = golden_f32("teacher", &n_rows);
    n_rows /= n;
    CHECK_TRUE(n <= 64);
    for (int64_t i = 0; i < n_rows; i++)
        for (int64_t j = 0; j < n; j++) mean[j] += teacher[i * n + j] / (float)n_rows;
    run(n, 0.9f, center, mean, golden_f32("centre_next", NULL));
    golden_close();
}

int main(int argc, char **argv) {
    op_harness_begin(argc, argv);
    run(1, 0.996f, NULL, NULL, NULL);
    run(255, 0.9f, NULL, NULL, NULL);
    run(256, 0.996f, NULL, NULL, NULL);
    run(70001, 0.9f, NULL, NULL, NULL);
    run(3, 0.9f, (float[]){1, 2, 3}, (float[]){11, 2, -7}, (float[]){2, 2, 2});
    test_decay();
    test_golden();
    /* nothing changes, to the last bit */
    run(3, 1, (float[]){0.1f, 0.2f, 0.3f}, (float[]){1, 2, 3}, (float[]){0.1f, 0.2f, 0.3f});

    struct op_harness_case c = {
        .op = &op_blend,
        .id = OP_blend,
        .in = {op_harness_f32(3, 0, 0, 0), op_harness_f32(3, 0, 0, 0), op_harness_f32(2, 0, 0, 0)},
    };
    op_harness_refuse(&c, "keep; expected one float number, found 2");
    c.in[2] = op_harness_number();
    c.in[1] = op_harness_f32(4, 0, 0, 0);
    op_harness_refuse(&c, "x; expected 3 float numbers, found 4");
    return op_harness_report();
}
