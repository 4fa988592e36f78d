#include "models/ops/gather_rows.h"
#include "tests/ops/op_harness.h"

static struct op_harness_case case_of(int64_t n, int64_t gathered, int64_t columns) {
    return (struct op_harness_case){
        .op = &op_gather_rows,
        .id = OP_gather_rows,
        .in = {op_harness_f32(n, columns, 0, 0), op_harness_i32(n, gathered, 0, 0, 0)},
        .wants = 1};
}

/* By hand, in numbers that are exact in binary: row 3 twice, rows 1 and 2 never. x has leading
 * axes, as the tokens of two texts have. */
static void test_by_hand(void) {
    static const float x[] = {1, 2, 3, 4, 5, 6, 7, 8};
    static const int32_t index[] = {3, 0, 3};
    static const float y[] = {7, 8, 1, 2, 7, 8}, dy[] = {1, 2, 4, 8, 16, 32};
    static const float dx[] = {4, 8, 0, 0, 0, 0, 17, 34};
    struct op_harness_case c = case_of(4, 3, 2);
    c.in[0] = op_harness_f32(2, 2, 2, 0);
    c.in[0].values = x;
    c.in[1].values = index;
    c.d_out[0] = dy;
    c.expected_out[0] = y;
    c.expected_d_in[0] = dx;
    op_harness_run(&c);
}

int main(int argc, char **argv) {
    op_harness_begin(argc, argv);
    /* rows, gathered, columns. Devices look through the whole index for each row of a gradient, so
     * that software devices take minutes for an index that is long; with it only forward runs. */
    static const int64_t shapes[][3] = {{1, 1, 1},     {7, 3, 5},     {1, 9, 3},    {64, 16, 64},
                                        {63, 130, 65}, {65, 17, 257}, {5, 2049, 2}, {70001, 33, 3},
                                        {3, 300, 600}, {5, 700, 40}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const struct op_harness_case c = case_of(shapes[i][0], shapes[i][1], shapes[i][2]);
        op_harness_run(&c);
    }
    struct op_harness_case many = case_of(5, 70001, 2);
    many.wants = 0;
    op_harness_run(&many);
    test_by_hand();

    struct op_harness_case wrong = case_of(4, 3, 2);
    wrong.in[1] = op_harness_f32(3, 0, 0, 0);
    op_harness_refuse(&wrong, "index; expected 32-bit integers (R), found type 0");
    wrong.in[1] = op_harness_i32(4, 3, 1, 0, 0);
    op_harness_refuse(&wrong, "index");
    wrong = case_of(4, 3, 2);
    wrong.in[0] = op_harness_i32(4, 4, 2, 0, 0);
    op_harness_refuse(&wrong, "x; expected rows of float numbers");
    wrong.in[0] = op_harness_number();
    op_harness_refuse(&wrong, "rank 0");
    return op_harness_report();
}
