#include "models/backend.h"
#include "models/ops/pack_rows.h"
#include "tests/check.h"
#include "tests/ops/op_harness.h"

#include <string.h>

static struct op_harness_case case_of(int64_t slices, int64_t stride,
                                      const struct pack_rows_options *options) {
    return (struct op_harness_case){.op = &op_pack_rows,
                                    .id = OP_pack_rows,
                                    .in = {op_harness_f32(slices, stride, 0, 0)},
                                    .options = options,
                                    .options_bytes = sizeof *options,
                                    .wants = 1};
}

/* Lines with padding, by hand. */
static void test_padding(void) {
    static const float x[] = {1, 2, 3, 4, -1, -1, -1, 5, 6, 7, 8, -1, -1, -1};
    static const float y[] = {1, 2, 3, 4, 5, 6, 7, 8};
    const struct pack_rows_options options = {.n_rows = 2, .n_columns = 2};
    struct op_harness_case c = case_of(2, 7, &options);
    c.wants = 0; /* the harness wants gradients written to the end */
    c.in[0].values = x;
    c.expected_out[0] = y;
    op_harness_run(&c);
}

/* The gradient goes to the front of each line; the padding keeps what it held. Runs on the CPU, or
 * on the device that SAPWOOD_TEST_DEVICE names. */
static void test_padding_backward(uint32_t accumulate, bool on_device) {
    enum { DX = 0, DY = 256, BYTES = 512 };
    static const float start[] = {100, 200, -1, -2, 300, 400, -3, -4}, dy[] = {1, 2, 3, 4};
    const float old = accumulate ? 1 : 0;
    const float expected[] = {100 * old + 1, 200 * old + 2, -1, -2,
                              300 * old + 3, 400 * old + 4, -3, -4};
    _Alignas(8) char block[BYTES] = {0};
    struct buffer buffer = {.bytes = sizeof block, .data = block};
    struct op_call call = {.op = OP_pack_rows, .direction = OP_BACKWARD, .accumulate = accumulate};
    const struct pack_rows_options options = {.n_rows = 1, .n_columns = 2};
    memcpy(call.options, &options, sizeof options);
    memcpy(block + DX, start, sizeof start);
    memcpy(block + DY, dy, sizeof dy);
    const struct tensor x = tensor_make(TENSOR_F32, 2, (int64_t[]){2, 4});
    const struct tensor y = tensor_make(TENSOR_F32, 2, (int64_t[]){2, 2});
    call.slot[OP_IN].tensor = x;
    call.slot[OP_OUT].tensor = y;
    call.slot[OP_D_OUT] = (struct op_operand){
        .tensor = y, .buffer = &buffer, .offset = DY, .data = block + DY};
    call.slot[OP_D_IN] = (struct op_operand){
        .tensor = x, .buffer = &buffer, .offset = DX, .data = block + DX};
    if (on_device) {
        struct error e = {0};
        const int done = op_harness_device_run(&call, NULL, block, BYTES, &e);
        if (done == 0) return;
        CHECK_EQUAL(done, 1);
    } else {
        op_pack_rows.backward(&call);
    }
    for (int i = 0; i < 8; i++) CHECK_CLOSE(((const float *)(block + DX))[i], expected[i], 0);
}

int main(int argc, char **argv) {
    op_harness_begin(argc, argv);
    /* slices, rows, columns */
    static const int64_t shapes[][3] = {{1, 1, 1},  {3, 5, 7},     {4, 16, 64},   {2, 15, 65},
                                        {5, 17, 1}, {70001, 1, 2}, {1, 65537, 2}, {2, 3, 512}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const int64_t n = shapes[i][1] * shapes[i][2];
        const struct pack_rows_options options = {.n_rows = (int32_t)shapes[i][1],
                                                  .n_columns = (int32_t)shapes[i][2]};
        const struct op_harness_case exact = case_of(shapes[i][0], n, &options);
        op_harness_run(&exact);
        struct op_harness_case padded = case_of(shapes[i][0], n + 3, &options);
        padded.wants = 0;
        op_harness_run(&padded);
    }
    test_padding();
    for (uint32_t accumulate = 0; accumulate < 2; accumulate++) {
        test_padding_backward(accumulate, false);
        test_padding_backward(accumulate, true);
    }

    struct pack_rows_options options = {.n_rows = 3, .n_columns = 4};
    struct op_harness_case wrong = case_of(2, 11, &options);
    op_harness_refuse(&wrong, "expected at most 11 numbers, found 3 rows of 4");
    options.n_rows = -1;
    op_harness_refuse(&wrong, "found -1 rows of 4");
    options = (struct pack_rows_options){.n_rows = INT32_MAX, .n_columns = INT32_MAX};
    op_harness_refuse(&wrong, "expected at most 11 numbers");
    wrong.in[0] = op_harness_f32(24, 0, 0, 0);
    op_harness_refuse(&wrong, "x; expected float numbers (S, stride)");
    return op_harness_report();
}
