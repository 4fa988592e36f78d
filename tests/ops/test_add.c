#include "models/ops/add.h"
#include "tests/ops/op_harness.h"

static struct op_harness_case case_of(int64_t rows, int64_t columns,
                                      const struct add_options *options) {
    return (struct op_harness_case){
        .op = &op_add,
        .id = OP_add,
        .in = {op_harness_f32(rows, columns, 0, 0), op_harness_f32(rows, columns, 0, 0)},
        .options = options,
        .options_bytes = sizeof *options,
        .wants = 3};
}

/* y = a + scale b by hand, numbers that are exact in binary. */
static void test_by_hand(void) {
    static const float a[] = {1, -2, 0.5f}, b[] = {4, 8, -16}, d_out[] = {1, 2, -4};
    static const float y[] = {0, -4, 4.5f}, db[] = {-0.25f, -0.5f, 1};
    const struct add_options options = {.scale = -0.25f};
    struct op_harness_case c = case_of(1, 3, &options);
    c.in[0].values = a;
    c.in[1].values = b;
    c.d_out[0] = d_out;
    c.expected_out[0] = y;
    c.expected_d_in[0] = d_out;
    c.expected_d_in[1] = db;
    op_harness_run(&c);
}

int main(int argc, char **argv) {
    op_harness_begin(argc, argv);
    static const int64_t shapes[][2] = {{1, 1}, {3, 5}, {8, 64}, {7, 65}, {65537, 1}, {70001, 3}};
    static const float scales[] = {0, 1, -0.5f, 3};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const struct add_options options = {.scale = scales[s % 4]};
        const struct op_harness_case c = case_of(shapes[s][0], shapes[s][1], &options);
        op_harness_run(&c);
    }
    test_by_hand();

    const struct add_options options = {.scale = 1};
    struct op_harness_case wrong = case_of(3, 4, &options);
    wrong.in[1] = op_harness_f32(4, 3, 0, 0);
    op_harness_refuse(&wrong, "one shape");
    wrong.in[1] = op_harness_i32(4, 3, 4, 0, 0);
    op_harness_refuse(&wrong, "float");
    return op_harness_report();
}
