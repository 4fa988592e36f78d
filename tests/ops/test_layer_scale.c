#include "models/ops/layer_scale.h"
#include "tests/ops/op_harness.h"

static struct op_harness_case case_of(int64_t rows, int64_t columns) {
    return (struct op_harness_case){.op = &op_layer_scale,
                                    .id = OP_layer_scale,
                                    .in = {op_harness_f32(rows, columns, 0, 0),
                                           op_harness_f32(rows, columns, 0, 0),
                                           op_harness_f32(columns, 0, 0, 0)},
                                    .wants = 7};
}

/* Two rows by hand, in numbers that are exact in binary. */
static void test_by_hand(void) {
    static const float x[] = {1, 2, 3, 4}, z[] = {10, 20, 30, 40}, gamma[] = {0.5f, -2};
    static const float y[] = {6, -38, 18, -76}, dy[] = {1, 2, 4, 8};
    static const float dz[] = {0.5f, -4, 2, -16}, dgamma[] = {130, 360};
    struct op_harness_case c = case_of(2, 2);
    c.in[0].values = x;
    c.in[1].values = z;
    c.in[2].values = gamma;
    c.d_out[0] = dy;
    c.expected_out[0] = y;
    c.expected_d_in[0] = dy;
    c.expected_d_in[1] = dz;
    c.expected_d_in[2] = dgamma;
    op_harness_run(&c);
}

int main(int argc, char **argv) {
    op_harness_begin(argc, argv);
    static const int64_t shapes[][2] = {{1, 1},   {3, 5},    {8, 64},  {7, 65},
                                        {2, 768}, {130, 17}, {9, 1025}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const struct op_harness_case c = case_of(shapes[s][0], shapes[s][1]);
        op_harness_run(&c);
    }
    struct op_harness_case many = case_of(70001, 3);
    many.wants = 3; /* sums over so many rows take long on software devices */
    op_harness_run(&many);
    test_by_hand();

    struct op_harness_case wrong = case_of(3, 4);
    wrong.in[2] = op_harness_f32(3, 0, 0, 0);
    op_harness_refuse(&wrong, "gamma; expected 4");
    wrong = case_of(3, 4);
    wrong.in[1] = op_harness_f32(4, 3, 0, 0);
    op_harness_refuse(&wrong, "x and z");
    return op_harness_report();
}
