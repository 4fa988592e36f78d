#include "models/ops/gradient_norm.h"
#include "tests/check.h"
#include "tests/ops/op_harness.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

static void run_near(int64_t n, float clip, const float *gradients, const float *expected,
                     double tolerance) {
    struct op_harness_case c = {
        .op = &op_gradient_norm,
        .id = OP_gradient_norm,
        .in = {op_harness_f32(n, 0, 0, 0), op_harness_number()},
        .expected_out = {expected},
        .tolerance = tolerance,
    };
    c.in[0].values = gradients;
    c.in[1].values = &clip;
    op_harness_run(&c);
}

static void run(int64_t n, float clip, const float *gradients, const float *expected) {
    run_near(n, clip, gradients, expected, 1e-5);
}

/* Many equal numbers, so that roundings do not cancel: the contract's 6e-5, where a plain sum of
 * 2^21 + 5 floats would be off by a hundredth. */
static void test_many(void) {
    enum { MANY = (1 << 21) + 5 };
    float *x = malloc(MANY * sizeof *x);
    if (!x) abort();
    for (int i = 0; i < MANY; i++) x[i] = 0.1f;
    const double norm = (double)0.1f * sqrt((double)MANY);
    run_near(MANY, 1, x, (float[]){(float)norm, (float)(1 / (norm + 1e-6))}, 6e-5);
    free(x);
}

/* No update with numbers that are not finite; the largest finite ones overflow the sum. */
static void test_not_finite(float bad) {
    float sums[4];
    float x[2000], result[2];
    const int64_t n = 2000;
    for (int i = 0; i < n; i++) x[i] = 1;
    x[1500] = bad;
    struct op_call call = {.op = OP_gradient_norm};
    call.slot[OP_IN].tensor = tensor_make(TENSOR_F32, 1, &n);
    call.slot[OP_IN].data = x;
    float clip = 0;
    call.slot[OP_IN + 1].data = &clip;
    call.slot[OP_OUT].data = result;
    call.slot[OP_SCRATCH].data = sums;
    for (; clip < 2; clip++) {
        op_gradient_norm.forward(&call);
        CHECK_TRUE(!isfinite(result[0]));
        CHECK_CLOSE(result[1], 0, 0);
    }
}

int main(int argc, char **argv) {
    op_harness_begin(argc, argv);
    run(1, 1, NULL, NULL);
    run(1023, 0.5f, NULL, NULL);
    run(1024, 0.5f, NULL, NULL);
    run(1025, 0.5f, NULL, NULL);
    run(5 * 1024 + 17, 0.5f, NULL, NULL);
    run(1024 * 1024 + 1024 + 1, 100, NULL, NULL);
    run(5000000, 0, NULL, NULL);
    test_many();

    /* By hand, factor as torch.nn.utils.clip_grad_norm_ has it. */
    const float x[] = {3, 0, -4};
    run(3, 1, x, (float[]){5, 1 / 5.000001f});
    run(3, 10, x, (float[]){5, 1});
    run(3, 0, x, (float[]){5, 1}); /* no clipping */
    run(3, 1, (float[]){0, 0, 0}, (float[]){0, 1});
    test_not_finite(NAN);
    test_not_finite(-INFINITY);
    test_not_finite(FLT_MAX);
    return op_harness_report();
}
