#include "models/ops/clamp.h"
#include "tests/check.h"
#include "tests/ops/op_harness.h"

#include <math.h>

static void run(int64_t n, float low, float high, const float *x, const float *expected) {
    const struct clamp_options options = {.low = low, .high = high};
    struct op_harness_case c = {
        .op = &op_clamp,
        .id = OP_clamp,
        .in = {op_harness_f32(n, 0, 0, 0)},
        .in_place = {1},
        .options = &options,
        .options_bytes = sizeof options,
        .expected_out = {expected},
    };
    c.in[0].values = x;
    op_harness_run(&c);
}

static void test_not_finite(void) {
    float x[] = {NAN, INFINITY, -INFINITY};
    const int64_t n = 3;
    const struct clamp_options options = {.low = 0, .high = 2};
    struct op_call call = {.op = OP_clamp};
    call.slot[OP_OUT].tensor = tensor_make(TENSOR_F32, 1, &n);
    call.slot[OP_OUT].data = x;
    *(struct clamp_options *)call.options = options;
    op_clamp.forward(&call);
    CHECK_TRUE(isnan(x[0]));
    CHECK_CLOSE(x[1], 2, 0);
    CHECK_CLOSE(x[2], 0, 0);
}

int main(int argc, char **argv) {
    op_harness_begin(argc, argv);
    run(1, -1, 1, NULL, NULL);
    run(257, -0.5f, 1, NULL, NULL);
    run(70001, -1, 0.25f, NULL, NULL);
    /* The limits of CLIP's logit scale. */
    run(4, 0, 4.6051702f, (float[]){-0.1f, 0, 2.6592600f, 4.7f},
        (float[]){0, 0, 2.6592600f, 4.6051702f});
    test_not_finite();

    const struct clamp_options wrong = {.low = 1, .high = 0};
    const struct op_harness_case c = {.op = &op_clamp,
                                      .id = OP_clamp,
                                      .in = {op_harness_f32(3, 0, 0, 0)},
                                      .options = &wrong,
                                      .options_bytes = sizeof wrong};
    op_harness_refuse(&c, "expected low <= high");
    return op_harness_report();
}
