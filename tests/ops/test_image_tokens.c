#include "models/ops/image_tokens.h"
#include "tests/ops/op_harness.h"

static struct op_harness_case case_of(int64_t n, int64_t patches, int64_t columns) {
    return (struct op_harness_case){.op = &op_image_tokens,
                                    .id = OP_image_tokens,
                                    .in = {op_harness_f32(n, patches, columns, 0),
                                           op_harness_f32(columns, 0, 0, 0),
                                           op_harness_f32(patches + 1, columns, 0, 0)},
                                    .wants = 7};
}

/* The same without the class token, or with registers, or both. */
static struct op_harness_case other_case(int64_t n, int64_t patches, int64_t columns,
                                         bool has_class, int64_t registers) {
    struct op_harness_case c = case_of(n, patches, columns);
    if (!has_class) {
        c.in[1] = (struct op_harness_input){0};
        c.in[2] = op_harness_f32(patches, columns, 0, 0);
        c.wants &= ~2u;
    }
    if (registers) {
        c.in[3] = op_harness_f32(registers, columns, 0, 0);
        c.wants |= 8;
    }
    return c;
}

/* Two pictures of two patches, by hand, in numbers that are exact in binary. */
static void test_by_hand(void) {
    static const float patches[] = {1, 2, 3, 4, 5, 6, 7, 8}, class_token[] = {100, 200};
    static const float positions[] = {0.25f, 0.5f, 10, 20, 30, 40};
    static const float y[] = {100.25f, 200.5f, 11, 22, 33, 44, 100.25f, 200.5f, 15, 26, 37, 48};
    static const float dy[] = {1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60};
    static const float d_patches[] = {3, 4, 5, 6, 30, 40, 50, 60}, d_class_token[] = {11, 22};
    static const float d_positions[] = {11, 22, 33, 44, 55, 66};
    struct op_harness_case c = case_of(2, 2, 2);
    c.in[0].values = patches;
    c.in[1].values = class_token;
    c.in[2].values = positions;
    c.d_out[0] = dy;
    c.expected_out[0] = y;
    c.expected_d_in[0] = d_patches;
    c.expected_d_in[1] = d_class_token;
    c.expected_d_in[2] = d_positions;
    op_harness_run(&c);

    /* one register between the class token and a single patch per picture */
    static const float registers[] = {7, 9}, d_registers[] = {33, 44}, d_positions_1[] = {11, 22, 55, 66};
    static const float d_patches_1[] = {5, 6, 50, 60};
    static const float y_1[] = {100.25f, 200.5f, 7, 9, 11, 22, 100.25f, 200.5f, 7, 9, 13, 24};
    c = other_case(2, 1, 2, true, 1);
    c.in[0].values = patches;
    c.in[1].values = class_token;
    c.in[2].values = positions;
    c.in[3].values = registers;
    c.d_out[0] = dy;
    c.expected_out[0] = y_1;
    c.expected_d_in[0] = d_patches_1;
    c.expected_d_in[1] = d_class_token;
    c.expected_d_in[2] = d_positions_1;
    c.expected_d_in[3] = d_registers;
    op_harness_run(&c);
}

int main(int argc, char **argv) {
    op_harness_begin(argc, argv);
    /* pictures, patches, columns. llvmpipe ends a loop after 65535 turns: no more pictures. */
    static const int64_t shapes[][3] = {{1, 1, 1},   {3, 5, 7},   {4, 16, 64},   {5, 17, 63},
                                        {2, 49, 65}, {1, 255, 3}, {65535, 1, 1}, {3, 65537, 1}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const struct op_harness_case c = case_of(shapes[i][0], shapes[i][1], shapes[i][2]);
        op_harness_run(&c);
    }
    for (int64_t registers = 0; registers < 5; registers += 4) {
        for (int has_class = registers == 0 ? 0 : 1; has_class >= 0; has_class--) {
            struct op_harness_case c = other_case(3, 5, 7, has_class, registers);
            op_harness_run(&c);
            c = other_case(2, 17, 65, has_class, registers);
            op_harness_run(&c);
        }
    }
    test_by_hand();

    struct op_harness_case wrong = case_of(2, 4, 3);
    wrong.in[0] = op_harness_f32(8, 3, 0, 0);
    op_harness_refuse(&wrong, "patches; expected (B, P, C), found rank 2");
    wrong = case_of(2, 4, 3);
    wrong.in[1] = op_harness_f32(4, 0, 0, 0);
    op_harness_refuse(&wrong, "class_token; expected 3 float numbers, found 4");
    wrong = case_of(2, 4, 3);
    wrong.in[2] = op_harness_f32(4, 3, 0, 0);
    op_harness_refuse(&wrong, "positions; expected 15 float numbers, found 12");
    wrong = other_case(2, 4, 3, false, 2);
    wrong.in[3] = op_harness_f32(2, 4, 0, 0);
    op_harness_refuse(&wrong, "registers; expected 6 float numbers, found 8");
    wrong = case_of(2, 4, 3);
    wrong.in[0] = op_harness_i32(9, 2, 4, 3, 0);
    op_harness_refuse(&wrong, "patches");
    return op_harness_report();
}
