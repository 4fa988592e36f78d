#include "models/ops/attention_pool.h"
#include "tests/check.h"
#include "tests/golden.h"
#include "tests/ops/op_harness.h"

#include <string.h>

static struct op_harness_case case_of(int64_t batch, int64_t tokens, int64_t head,
                                      const struct attention_pool_options *options) {
    const int64_t channels = options->heads * head;
    return (struct op_harness_case){.op = &op_attention_pool,
                                    .id = OP_attention_pool,
                                    .in = {op_harness_f32(3 * channels, 0, 0, 0),
                                           op_harness_f32(batch, tokens, 3 * channels, 0)},
                                    .options = options,
                                    .options_bytes = sizeof *options,
                                    .wants = 3};
}

/* tests/golden/attention_pool.safetensors: torch's multi_head_attention_forward in double with
 * projections that change nothing; 3 heads of 8. */
static void test_golden(void) {
    const struct attention_pool_options options = {.heads = 3};
    struct op_harness_case c = case_of(2, 7, 8, &options);
    golden_open("attention_pool");
    c.in[0].values = golden_f32("latent", NULL);
    c.in[1].values = golden_f32("qkv", NULL);
    c.d_out[0] = golden_f32("grad.y", NULL);
    c.expected_out[0] = golden_f32("y", NULL);
    c.expected_d_in[0] = golden_f32("grad.latent", NULL);
    c.expected_d_in[1] = golden_f32("grad.qkv", NULL);
    c.expected_tolerance = 2e-6; /* fp32 against double */
    op_harness_run(&c);
    golden_close();
}

/* Backward forms the scores by the very kernel of forward, so that they have the bits behind the
 * lse: of scores near 1000 another order of the sums changes 1e-4, and as much of every
 * probability. */
static void test_same_scores(int64_t tokens, int64_t head) {
    const struct attention_pool_options options = {.heads = 2};
    const int64_t packed[3] = {2, tokens, 3 * options.heads * head};
    struct kernel forward[OP_KERNELS_MAX], backward[OP_KERNELS_MAX];
    const struct traits floor = {0};
    struct op_call call = {.op = OP_attention_pool, .direction = OP_FORWARD};
    memset(forward, 0, sizeof forward);
    memset(backward, 0, sizeof backward);
    memcpy(call.options, &options, sizeof options);
    call.slot[OP_IN].tensor = tensor_make(TENSOR_F32, 1, &packed[2]);
    call.slot[OP_IN + 1].tensor = tensor_make(TENSOR_F32, 3, packed);
    op_attention_pool.kernels(&call, &floor, forward);
    call.direction = OP_BACKWARD;
    call.accumulate = 3;
    op_attention_pool.kernels(&call, &floor, backward);
    CHECK_TRUE(!memcmp(&forward[0], &backward[0], sizeof forward[0]));
}

int main(int argc, char **argv) {
    op_harness_begin(argc, argv);
    test_same_scores(9, 8);
    test_same_scores(200, 64);
    /* B, T, H, D */
    static const int64_t shapes[][4] = {{2, 3, 1, 5},   {1, 8, 2, 4},   {3, 7, 3, 9},
                                        {5, 32, 2, 16}, {1, 65, 2, 64}, {2, 196, 3, 7}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const struct attention_pool_options options = {.heads = (int32_t)shapes[s][2]};
        struct op_harness_case c = case_of(shapes[s][0], shapes[s][1], shapes[s][3], &options);
        op_harness_run(&c);
        c.traits = "subgroup=0";
        if (shapes[s][1] > 32) op_harness_run(&c); /* rows that threads share */
    }
    /* A single token takes all: dq is nothing, so there is nothing to compare it with. */
    const struct attention_pool_options one = {.heads = 1};
    struct op_harness_case single = case_of(1, 1, 1, &one);
    single.wants = 2;
    op_harness_run(&single);
    /* Scores far beyond the range of exp: the maximum is taken off first. */
    const struct attention_pool_options two = {.heads = 2};
    struct op_harness_case large = case_of(1, 9, 8, &two);
    large.in[0].scale = large.in[1].scale = 20;
    large.tolerance = 2e-4; /* scores near 1000 are rounded to 6e-5 before exp */
    large.difference_tolerance = 0.2;
    op_harness_run(&large);
    /* More than 65535 pairs of sample and head. */
    const struct attention_pool_options eight = {.heads = 8};
    struct op_harness_case many = case_of(8200, 2, 1, &eight);
    many.wants = 0;
    op_harness_run(&many);
    test_golden();

    struct op_harness_case wrong = case_of(2, 3, 4, &two);
    wrong.in[0] = op_harness_f32(9, 0, 0, 0);
    op_harness_refuse(&wrong, "latent; expected 24");
    wrong = case_of(2, 3, 4, &one);
    wrong.options = &(struct attention_pool_options){.heads = 3};
    op_harness_refuse(&wrong, "heads");
    return op_harness_report();
}
