#include "models/ops/activation.h"
#include "models/ops/fast_math.h"
#include "tests/check.h"
#include "tests/golden.h"
#include "tests/ops/op_harness.h"

#include <math.h>
#include <stdio.h>

/* Against libm in double, over the whole range and around 0. */
static void test_functions(void) {
    double worst_exp = 0, worst_cdf = 0;
    for (int i = -870000; i <= 880000; i++) {
        const float x = (float)(i * 1e-4 + 1e-7 * (i % 97));
        const double e = exp((double)x);
        const double found = fabs(fast_math_exp(x) / e - 1);
        if (x > -87.29f && x < 87.99f && !(found <= worst_exp)) worst_exp = found;
        const double cdf = 0.5 * erfc(-x * sqrt(0.5));
        const double d = fabs(fast_math_normal_cdf(x, fast_math_exp(-0.5f * x * x)) - cdf);
        if (!(d <= worst_cdf)) worst_cdf = d;
    }
    CHECK_CLOSE(worst_exp, 0, 2.4e-7); /* two units in the last place */
    CHECK_CLOSE(worst_cdf, 0, 3e-7);   /* 0.75e-7 of the formula, the rest is rounding */
    CHECK_EQUAL(fast_math_exp(0) == 1, 1);
    CHECK_EQUAL(fast_math_exp(-100) == 0, 1);
    CHECK_EQUAL(fast_math_exp(-INFINITY) == 0, 1);
    CHECK_TRUE(fast_math_exp(1000) > 1e38f);
    CHECK_TRUE(isnan(fast_math_exp(NAN)));
    float x[37], y[37], largest = -1;
    double sum = 0, dot = 0;
    for (int n = 0; n < 37; n++) {
        x[n] = (float)((n * 29) % 37) / 7 - 1;
        y[n] = (float)((n * 11) % 37) / 9 - 2;
        sum += x[n];
        dot += (double)x[n] * y[n];
        if (x[n] > largest) largest = x[n];
        CHECK_CLOSE(fast_math_sum(x, n + 1), sum, 1e-4);
        CHECK_CLOSE(fast_math_dot(x, y, n + 1), dot, 1e-4);
        CHECK_TRUE(fast_math_largest(x, n + 1) == largest);
    }
}

int main(int argc, char **argv) {
    op_harness_begin(argc, argv);
    static const int64_t sizes[][2] = {{1, 1}, {3, 5}, {16, 64}, {15, 65}, {70001, 1}};
    static const char *const names[] = {"quickgelu", "gelu", "gelu_tanh", "relu"};
    test_functions();
    for (int32_t kind = 0; kind < 4; kind++) {
        const struct activation_options options = {.kind = kind};
        struct op_harness_case c = {.op = &op_activation,
                                    .id = OP_activation,
                                    .name = names[kind],
                                    .options = &options,
                                    .options_bytes = sizeof options,
                                    .wants = 1,
                                    .tolerance = 1e-6,
                                    .device_tolerance = 2e-6};
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            c.in[0] = op_harness_f32(sizes[s][0], sizes[s][1], 0, 0);
            c.in[0].scale = 2;
            if (kind == ACTIVATION_RELU) c.in[0].fill = op_harness_off_zero;
            op_harness_run(&c);
        }
        /* Large numbers: no overflow on the way. Differences in fp32 say little there. */
        c.in[0].scale = 60;
        c.difference_tolerance = 0.05;
        op_harness_run(&c);
        c.difference_tolerance = 0;

        int64_t n;
        char text[64];
        golden_open("activation");
        const float *x = golden_f32("x", &n);
        c.in[0] = op_harness_f32(n, 0, 0, 0);
        c.in[0].values = x;
        c.d_out[0] = golden_f32("grad.y", NULL);
        snprintf(text, sizeof text, "%s.y", names[kind]);
        c.expected_out[0] = golden_f32(text, NULL);
        snprintf(text, sizeof text, "%s.grad.x", names[kind]);
        c.expected_d_in[0] = golden_f32(text, NULL);
        c.difference_tolerance = kind == ACTIVATION_RELU ? 1 : 0; /* x holds 0, relu's corner */
        op_harness_run(&c);
        golden_close();
    }
    const struct op_harness_case wrong = {
        .op = &op_activation, .id = OP_activation, .in = {op_harness_i32(3, 4, 0, 0, 0)}};
    op_harness_refuse(&wrong, "float");
    return op_harness_report();
}
