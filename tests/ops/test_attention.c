#include "models/ops/attention.h"
#include "tests/check.h"
#include "tests/golden.h"
#include "tests/ops/op_harness.h"

#include <string.h>

static struct op_harness_case case_of(int64_t batch, int64_t tokens, int64_t head,
                                      const struct attention_options *options) {
    return (struct op_harness_case){
        .op = &op_attention,
        .id = OP_attention,
        .name = options->causal ? "causal" : "full",
        .in = {op_harness_f32(batch, tokens, 3 * options->heads * head, 0)},
        .options = options,
        .options_bytes = sizeof *options,
        .wants = 1};
}

/* tests/golden/attention.safetensors: softmax attention of PyTorch in double; 3 heads of 8. */
static void test_golden(int32_t causal) {
    const struct attention_options options = {.heads = 3, .causal = causal};
    struct op_harness_case c = case_of(2, 7, 8, &options);
    golden_open("attention");
    c.in[0].values = golden_f32("qkv", NULL);
    c.d_out[0] = golden_f32("grad.y", NULL);
    c.expected_out[0] = golden_f32(causal ? "causal.y" : "full.y", NULL);
    c.expected_d_in[0] = golden_f32(causal ? "causal.grad.qkv" : "full.grad.qkv", NULL);
    c.expected_tolerance = 2e-6; /* fp32 against double */
    op_harness_run(&c);
    golden_close();
}

/* Backward forms the scores by the very kernel of forward, so that they have the bits behind the
 * lse: of scores near 1000 another order of the sums changes 1e-4, and as much of every
 * probability. */
static void test_same_scores(int64_t tokens, int64_t head) {
    const struct attention_options options = {.heads = 2, .causal = 1};
    const int64_t packed[3] = {2, tokens, 3 * options.heads * head};
    struct kernel forward[OP_KERNELS_MAX], backward[OP_KERNELS_MAX];
    const struct traits floor = {0};
    struct op_call call = {.op = OP_attention, .direction = OP_FORWARD};
    memset(forward, 0, sizeof forward);
    memset(backward, 0, sizeof backward);
    memcpy(call.options, &options, sizeof options);
    call.slot[OP_IN].tensor = tensor_make(TENSOR_F32, 3, packed);
    op_attention.kernels(&call, &floor, forward);
    call.direction = OP_BACKWARD;
    call.accumulate = 1;
    op_attention.kernels(&call, &floor, backward);
    CHECK_TRUE(!memcmp(&forward[0], &backward[0], sizeof forward[0]));
}

int main(int argc, char **argv) {
    op_harness_begin(argc, argv);
    test_same_scores(9, 8);
    test_same_scores(200, 64);
    /* B, T, H, D; T on both sides of the strips of the fast path */
    static const int64_t shapes[][4] = {
        {1, 1, 1, 1},   {2, 3, 1, 5},  {1, 8, 2, 4},  {3, 7, 3, 9},  {2, 32, 2, 16}, {1, 33, 2, 8},
        {1, 65, 2, 64}, {1, 77, 3, 7}, {1, 96, 1, 4}, {1, 97, 1, 4}, {1, 200, 1, 3}};
    for (int32_t causal = 0; causal < 2; causal++) {
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
            const struct attention_options options = {.heads = (int32_t)shapes[s][2],
                                                      .causal = causal};
            struct op_harness_case c = case_of(shapes[s][0], shapes[s][1], shapes[s][3], &options);
            op_harness_run(&c);
            c.traits = "subgroup=0";
            if (shapes[s][1] > 32) op_harness_run(&c); /* rows that threads share */
        }
        /* Scores far beyond the range of exp: the maximum is taken off first. */
        const struct attention_options options = {.heads = 2, .causal = causal};
        struct op_harness_case large = case_of(1, 9, 8, &options);
        large.in[0].scale = 20;
        large.tolerance = 2e-4; /* scores near 1000 are rounded to 6e-5 before exp */
        large.difference_tolerance = 0.2;
        op_harness_run(&large);
        test_golden(causal);
    }
    /* More than 65535 pairs of sample and head; backward runs the same kernels, for minutes on
     * software devices. */
    const struct attention_options options = {.heads = 8};
    struct op_harness_case many = case_of(8200, 2, 1, &options);
    many.wants = 0;
    op_harness_run(&many);

    /* A slice of ViT-B/32: 16 pictures of 50 tokens. */
    const struct attention_options heads = {.heads = 12};
    const struct op_harness_case slice = case_of(16, 50, 64, &heads);
    op_harness_perf(&slice);

    struct op_harness_case wrong = case_of(2, 3, 4, &options);
    wrong.in[0] = op_harness_f32(2, 3, 4 * 3 + 3, 0);
    op_harness_refuse(&wrong, "heads");
    return op_harness_report();
}
