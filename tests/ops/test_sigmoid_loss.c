#include "models/ops/sigmoid_loss.h"
#include "tests/check.h"
#include "tests/golden.h"
#include "tests/ops/op_harness.h"

#include <math.h>
#include <stdio.h>

enum { U, V, LOGIT_SCALE, LOGIT_BIAS, CAPTION_ID, USABLE };

/* About one sample in four is not usable. */
static void fill_usable(void *data, const struct tensor *t, int64_t limit, struct random *r) {
    (void)limit;
    for (int64_t i = 0; i < tensor_elements(t); i++)
        ((float *)data)[i] = random_below(r, 4) ? 1 : 0;
}

static struct op_harness_case make(int64_t n, int64_t width, int64_t n_captions) {
    static const float scale = 2.3f, bias = -3; /* factor 10 */
    struct op_harness_case c = {
        .op = &op_sigmoid_loss,
        .id = OP_sigmoid_loss,
        .in = {op_harness_f32(n, width, 0, 0), op_harness_f32(n, width, 0, 0), op_harness_number(),
               op_harness_number(), op_harness_i32(n_captions, n, 0, 0, 0),
               op_harness_f32(n, 0, 0, 0)},
        .wants = 1u << U | 1u << V | 1u << LOGIT_SCALE | 1u << LOGIT_BIAS,
    };
    c.in[U].fill = c.in[V].fill = op_harness_unit_rows;
    c.in[LOGIT_SCALE].values = &scale;
    c.in[LOGIT_BIAS].values = &bias;
    c.in[USABLE].fill = fill_usable;
    return c;
}

static void run_shape(int64_t n, int64_t width, int64_t n_captions) {
    struct op_harness_case c = make(n, width, n_captions);
    /* The loss is one float, and the gradient of one number falls with the number of rows. */
    c.difference_tolerance = n > 30 ? 2e-2 : 2e-3;
    /* The gradients of scale and bias add n^2 numbers that partly cancel, in fp32 on a device. */
    c.device_tolerance = 1e-4;
    op_harness_run(&c);
}

/* Rows sin(0.7 i + 1.3 j + 0.1 k) of length 1. */
static void sines(float *out, int n, int width, double k) {
    for (int i = 0; i < n; i++) {
        double square = 0;
        for (int j = 0; j < width; j++) square += pow(sin(0.7 * i + 1.3 * j + 0.1 * k), 2);
        for (int j = 0; j < width; j++)
            out[i * width + j] = (float)(sin(0.7 * i + 1.3 * j + 0.1 * k) / sqrt(square));
    }
}

/* Values of an evaluation in double precision. */
static void test_values(void) {
    static const float biases[] = {-10, -2.71f}, all[] = {1, 1, 1, 1};
    static const float expected[] = {1.941031760674f, 8.856987544608f};
    static const int32_t distinct[] = {3, 2, 1, 0};
    const float scale = logf(10);
    float u[24], v[24];
    sines(u, 4, 6, 0);
    sines(v, 4, 6, 5);
    for (int k = 0; k < 2; k++) {
        struct op_harness_case c = make(4, 6, 4);
        c.name = "sines";
        c.in[U].values = u;
        c.in[V].values = v;
        c.in[LOGIT_SCALE].values = &scale;
        c.in[LOGIT_BIAS].values = &biases[k];
        c.in[CAPTION_ID].values = distinct;
        c.in[USABLE].values = all;
        c.expected_out[0] = &expected[k];
        c.wants = 0;
        op_harness_run(&c);
    }
}

/* tests/golden/make_golden.py, make_sigmoid: without and with equal captions and holes. */
static void test_golden(void) {
    static const float one[] = {1};
    static const int32_t distinct[] = {0, 1, 2, 3, 4, 5, 6};
    static const float all[] = {1, 1, 1, 1, 1, 1, 1};
    const char *const names[] = {"plain", "shared", "holes"};
    golden_open("sigmoid_loss");
    for (int k = 0; k < 3; k++) {
        static const char *const gradients[] = {"u", "v", "logit_scale", "logit_bias"};
        struct op_harness_case c = make(7, 10, 7);
        char text[64];
        c.name = names[k];
        c.in[U].values = golden_f32("u", NULL);
        c.in[V].values = golden_f32("v", NULL);
        c.in[LOGIT_SCALE].values = golden_f32("logit_scale", NULL);
        c.in[LOGIT_BIAS].values = golden_f32("logit_bias", NULL);
        c.in[CAPTION_ID].values = k == 0 ? distinct : golden_i32("caption_id", NULL);
        c.in[USABLE].values = k < 2 ? all : golden_f32("usable", NULL);
        c.d_out[0] = one;
        snprintf(text, sizeof text, "%s.loss", names[k]);
        c.expected_out[0] = golden_f32(text, NULL);
        for (int i = U; i <= LOGIT_BIAS; i++) {
            snprintf(text, sizeof text, "%s.grad.%s", names[k], gradients[i]);
            c.expected_d_in[i] = golden_f32(text, NULL);
        }
        op_harness_run(&c);
    }
    golden_close();
}

/* Logits far beyond the range of exp: no overflow on the way; the loss is about their size. */
static void test_large(void) {
    static const float scale = 7, bias = 300;
    struct op_harness_case c = make(6, 5, 4);
    c.in[LOGIT_SCALE].values = &scale;
    c.in[LOGIT_BIAS].values = &bias;
    c.difference_tolerance = 1; /* the loss is near 1000: its differences say little */
    op_harness_run(&c);
}

int main(int argc, char **argv) {
    op_harness_begin(argc, argv);
    run_shape(1, 1, 1);
    run_shape(2, 3, 100);
    run_shape(7, 5, 3);
    run_shape(16, 64, 100000);
    run_shape(17, 33, 8);
    /* Tiles of 256 rows: one row more than a tile; three tiles, the last not whole. */
    run_shape(257, 3, 100);
    run_shape(520, 2, 400);
    run_shape(64, 48, 20);
    run_shape(129, 65, 50);
    test_values();
    test_golden();
    test_large();

    struct op_harness_case c = make(3, 4, 3);
    c.in[V] = op_harness_f32(4, 4, 0, 0);
    op_harness_refuse(&c, "v; expected 12 numbers");
    c = make(3, 4, 3);
    c.in[CAPTION_ID] = op_harness_f32(3, 0, 0, 0);
    op_harness_refuse(&c, "caption_id; expected 3 numbers of type");
    return op_harness_report();
}
