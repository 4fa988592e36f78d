#include "models/ops/pull.h"
#include "tests/check.h"
#include "tests/ops/op_harness.h"

/* anchor: 1 with one, 0 without */
static struct op_harness_case pull_case(int64_t n, int anchor) {
    struct op_harness_case c = {
        .op = &op_pull,
        .id = OP_pull,
        .in = {op_harness_f32(n, 0, 0, 0), op_harness_f32(n, 0, 0, 0), op_harness_number()},
        .in_place = {1},
    };
    if (anchor) c.in[3] = op_harness_f32(n, 0, 0, 0);
    return c;
}

/* Worked by hand; every number is a float, so the bits are known. */
static void test_by_hand(void) {
    const float factor = 0.5f, g[] = {1, -2, 0}, w[] = {3, 4, -8}, anchor[] = {1, 4, 8};
    struct op_harness_case c = pull_case(3, 1);
    c.in[0].values = g;
    c.in[1].values = w;
    c.in[2].values = &factor;
    c.in[3].values = anchor;
    c.expected_out[0] = (float[]){2, -2, -8};
    op_harness_run(&c);
    c = pull_case(3, 0);
    c.in[0].values = g;
    c.in[1].values = w;
    c.in[2].values = &factor;
    c.expected_out[0] = (float[]){2.5f, 0, -4};
    op_harness_run(&c);
}

int main(int argc, char **argv) {
    op_harness_begin(argc, argv);
    for (int anchor = 0; anchor < 2; anchor++) {
        static const int64_t sizes[] = {1, 255, 256, 70001};
        for (int i = 0; i < 4; i++) {
            struct op_harness_case c = pull_case(sizes[i], anchor);
            op_harness_run(&c);
        }
    }
    test_by_hand();

    struct op_harness_case c = pull_case(3, 1);
    c.in[3] = op_harness_f32(4, 0, 0, 0);
    op_harness_refuse(&c, "anchor; expected 3 float numbers, found 4");
    c = pull_case(3, 1);
    c.in[2] = op_harness_f32(2, 0, 0, 0);
    op_harness_refuse(&c, "factor; expected 1 float numbers, found 2");
    return op_harness_report();
}
