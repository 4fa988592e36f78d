#include "models/ops/sum_slices.h"
#include "tests/check.h"
#include "tests/ops/op_harness.h"

static void run(int64_t slices, int64_t n, const float *x, const float *expected) {
    struct op_harness_case c = {
        .op = &op_sum_slices,
        .id = OP_sum_slices,
        .in = {op_harness_f32(slices, n, 0, 0)},
        .expected_out = {expected},
    };
    c.in[0].values = x;
    op_harness_run(&c);
}

int main(void) {
    run(1, 1, NULL, NULL);
    run(3, 5, NULL, NULL);
    run(4, 4096, NULL, NULL);
    run(5, 4097, NULL, NULL);
    run(2, 70001, NULL, NULL);

    /* In rising order 1e8 + 1 rounds to 1e8 before 1e8 is taken away; another order leaves 1. The
     * other column by hand. */
    run(3, 2, (float[]){1e8f, 1, 1, 20, -1e8f, 300}, (float[]){0, 321});

    const struct op_harness_case flat = {
        .op = &op_sum_slices, .id = OP_sum_slices, .in = {op_harness_f32(6, 0, 0, 0)}};
    op_harness_refuse(&flat, "expected a float matrix");
    return op_harness_report();
}
