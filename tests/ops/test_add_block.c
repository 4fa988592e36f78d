#include "models/ops/add_block.h"
#include "tests/check.h"
#include "tests/ops/op_harness.h"

#include <math.h>

static void run(int64_t n, int first, const float *y, const float *x, const float *expected) {
    const struct add_block_options options = {.first = first};
    struct op_harness_case c = {
        .op = &op_add_block,
        .id = OP_add_block,
        .in = {op_harness_f32(n, 0, 0, 0), op_harness_f32(n, 0, 0, 0)},
        .in_place = {1},
        .options = &options,
        .options_bytes = sizeof options,
        .expected_out = {expected},
    };
    c.in[0].values = y;
    c.in[1].values = x;
    op_harness_run(&c);
}

int main(int argc, char **argv) {
    op_harness_begin(argc, argv);
    for (int first = 0; first < 2; first++) {
        run(1, first, NULL, NULL, NULL);
        run(255, first, NULL, NULL, NULL);
        run(4096, first, NULL, NULL, NULL);
        run(70001, first, NULL, NULL, NULL);
    }
    run(3, 0, (float[]){1, 20, -3}, (float[]){10, 2, 3}, (float[]){11, 22, 0});
    /* What was there before may be anything. */
    run(2, 1, (float[]){NAN, INFINITY}, (float[]){10, 2}, (float[]){10, 2});

    struct op_harness_case c = {.op = &op_add_block,
                                .id = OP_add_block,
                                .in = {op_harness_f32(6, 0, 0, 0), op_harness_f32(5, 0, 0, 0)}};
    op_harness_refuse(&c, "x; expected 6 float numbers, found 5");
    return op_harness_report();
}
