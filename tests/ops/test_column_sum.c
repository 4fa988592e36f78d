#include "models/ops/column_sum.h"
#include "tests/ops/op_harness.h"

#include <math.h>

static void run(int64_t n, int64_t columns, const float *x, const float *weight,
                const float *expected) {
    struct op_harness_case c = {
        .op = &op_column_sum,
        .id = OP_column_sum,
        .in = {op_harness_f32(n, columns, 0, 0), op_harness_f32(n, 0, 0, 0)},
        .expected_out = {expected},
    };
    c.in[0].values = x;
    c.in[1].values = weight;
    op_harness_run(&c);
}

int main(int argc, char **argv) {
    op_harness_begin(argc, argv);
    run(1, 1, NULL, NULL, NULL);
    run(7, 5, NULL, NULL, NULL);
    run(64, 256, NULL, NULL, NULL);
    run(65, 257, NULL, NULL, NULL);
    run(70001, 3, NULL, NULL, NULL);

    /* By hand; a row of weight 0 is left out even when it is not finite. */
    const float x[] = {1, 2, 3, NAN, INFINITY, NAN, 10, 20, 30};
    run(3, 3, x, (float[]){0.5f, 0, 2}, (float[]){20.5f, 41, 61.5f});
    run(3, 3, x, (float[]){0, 0, 0}, (float[]){0, 0, 0});

    struct op_harness_case c = {
        .op = &op_column_sum,
        .id = OP_column_sum,
        .in = {op_harness_f32(3, 4, 0, 0), op_harness_f32(4, 0, 0, 0)},
    };
    op_harness_refuse(&c, "weight; expected 3 numbers, found 4");
    c.in[0] = op_harness_f32(12, 0, 0, 0);
    op_harness_refuse(&c, "expected a float matrix, found rank 1");
    return op_harness_report();
}
