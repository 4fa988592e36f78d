#include "models/ops/text_tokens.h"
#include "tests/ops/op_harness.h"

struct sizes {
    int64_t texts, tokens, words, positions, columns;
};

static struct op_harness_case case_of(struct sizes s) {
    return (struct op_harness_case){.op = &op_text_tokens,
                                    .id = OP_text_tokens,
                                    .in = {op_harness_i32(s.words, s.texts, s.tokens, 0, 0),
                                           op_harness_f32(s.words, s.columns, 0, 0),
                                           op_harness_f32(s.positions, s.columns, 0, 0)},
                                    .wants = 6};
}

/* By hand, in numbers that are exact in binary: word 2 three times, words 1 and 3 never, one
 * position more than the texts have. */
static void test_by_hand(void) {
    static const int32_t ids[] = {2, 0, 2, 2};
    static const float table[] = {1, 2, 3, 4, 5, 6, 7, 8};
    static const float positions[] = {10, 20, 30, 40, 50, 60};
    static const float y[] = {15, 26, 31, 42, 15, 26, 35, 46};
    static const float dy[] = {1, 2, 4, 8, 16, 32, 64, 128};
    static const float d_table[] = {4, 8, 0, 0, 81, 162, 0, 0};
    static const float d_positions[] = {17, 34, 68, 136, 0, 0};
    struct op_harness_case c = case_of((struct sizes){2, 2, 4, 3, 2});
    c.in[0].values = ids;
    c.in[1].values = table;
    c.in[2].values = positions;
    c.d_out[0] = dy;
    c.expected_out[0] = y;
    c.expected_d_in[1] = d_table;
    c.expected_d_in[2] = d_positions;
    op_harness_run(&c);
}

int main(int argc, char **argv) {
    op_harness_begin(argc, argv);
    static const struct sizes shapes[] = {
        {.texts = 1, .tokens = 1, .words = 1, .positions = 1, .columns = 1},
        {.texts = 3, .tokens = 5, .words = 11, .positions = 7, .columns = 9},
        {.texts = 4, .tokens = 16, .words = 1, .positions = 16, .columns = 64}, /* one id only */
        {.texts = 5, .tokens = 17, .words = 31, .positions = 18, .columns = 65},
        {.texts = 2, .tokens = 77, .words = 4097, .positions = 77, .columns = 63},
        {.texts = 2, .tokens = 3, .words = 70001, .positions = 4, .columns = 3},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const struct op_harness_case c = case_of(shapes[i]);
        op_harness_run(&c);
    }
    /* Devices look through all ids for each row of the table's gradient, so that software devices
     * take minutes for many of them; here only the positions get one. */
    struct op_harness_case many = case_of((struct sizes){257, 257, 1009, 259, 1});
    many.wants = 1u << 2;
    op_harness_run(&many);
    many = case_of((struct sizes){1, 65537, 5, 65539, 2});
    many.wants = 1u << 2;
    op_harness_run(&many);
    test_by_hand();

    const struct sizes small = {.texts = 2, .tokens = 4, .words = 9, .positions = 4, .columns = 3};
    struct op_harness_case wrong = case_of(small);
    wrong.in[0] = op_harness_f32(2, 4, 0, 0);
    op_harness_refuse(&wrong, "ids; expected 32-bit integers (B, T)");
    wrong.in[0] = op_harness_i32(9, 8, 0, 0, 0);
    op_harness_refuse(&wrong, "ids");
    wrong.in[0] = op_harness_i32(9, 2, 5, 0, 0);
    op_harness_refuse(&wrong, "expected at least 5 rows, found 4");
    wrong = case_of(small);
    wrong.in[2] = op_harness_f32(4, 2, 0, 0);
    op_harness_refuse(&wrong, "expected float numbers (K, 3)");
    wrong = case_of(small);
    wrong.in[1] = op_harness_f32(27, 0, 0, 0);
    op_harness_refuse(&wrong, "table");
    return op_harness_report();
}
