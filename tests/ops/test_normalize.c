#include "models/ops/normalize.h"
#include "tests/ops/op_harness.h"

static struct op_harness_case case_of(int64_t n, int64_t columns) {
    struct op_harness_case c = {.op = &op_normalize,
                                .id = OP_normalize,
                                .in = {op_harness_f32(n, columns, 0, 0)},
                                .wants = 1};
    c.in[0].fill = op_harness_off_zero; /* no row so short that differences step over 0 */
    return c;
}

/* By hand: 3-4-5 triangles of very different sizes. dy = (1, 0) leaves (0.64, -0.48) across y =
 * (0.6, 0.8), dy = y leaves nothing. */
static void test_by_hand(void) {
    static const float x[] = {3, 4, -300, 400}, y[] = {0.6f, 0.8f, -0.6f, 0.8f};
    static const float dy[] = {1, 0, -0.6f, 0.8f}, dx[] = {0.128f, -0.096f, 0, 0};
    struct op_harness_case c = case_of(2, 2);
    c.in[0].values = x;
    c.d_out[0] = dy;
    c.expected_out[0] = y;
    c.expected_d_in[0] = dx;
    op_harness_run(&c);
}

/* A row of zeros stays, short rows are divided by 1e-12, long rows do not overflow. */
static void test_edges(void) {
    static const float x[] = {0, 0, 3e-13f, -4e-13f, 3e15f, 4e15f};
    static const float y[] = {0, 0, 0.3f, -0.4f, 0.6f, 0.8f};
    struct op_harness_case c = case_of(3, 2);
    c.wants = 0; /* at lengths below 1e-12 the gradient is huge, and of no use */
    c.in[0].values = x;
    c.expected_out[0] = y;
    op_harness_run(&c);
}

int main(int argc, char **argv) {
    op_harness_begin(argc, argv);
    static const int64_t shapes[][2] = {{1, 1},   {1, 2},   {7, 3},     {16, 64},  {15, 63},
                                        {17, 65}, {5, 512}, {65537, 2}, {4099, 3}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const struct op_harness_case c = case_of(shapes[i][0], shapes[i][1]);
        op_harness_run(&c);
    }
    struct op_harness_case axes = case_of(1, 1);
    axes.in[0].tensor = tensor_make(TENSOR_F32, 3, (int64_t[]){3, 5, 7});
    op_harness_run(&axes);
    test_by_hand();
    test_edges();

    struct op_harness_case wrong = case_of(2, 2);
    wrong.in[0] = op_harness_number();
    op_harness_refuse(&wrong, "found type 0 of rank 0");
    wrong.in[0] = op_harness_i32(2, 2, 2, 0, 0);
    op_harness_refuse(&wrong, "x; expected rows of float numbers, found type 1");
    return op_harness_report();
}
