#include "models/ops/layernorm.h"
#include "tests/check.h"
#include "tests/golden.h"
#include "tests/ops/op_harness.h"

#include <string.h>

static struct op_harness_case case_of(int64_t rows, int64_t columns,
                                      const struct layernorm_options *options) {
    struct op_harness_case c = {.op = &op_layernorm,
                                .id = OP_layernorm,
                                .in = {op_harness_f32(rows, columns, 0, 0),
                                       op_harness_f32(columns, 0, 0, 0),
                                       op_harness_f32(columns, 0, 0, 0)},
                                .options = options,
                                .options_bytes = sizeof *options,
                                .wants = 7};
    return c;
}

/* tests/golden/layernorm.safetensors: torch.nn.functional.layer_norm in double. */
static void test_golden(const struct layernorm_options *options) {
    int64_t n, columns;
    golden_open("layernorm");
    golden_f32("x", &n);
    golden_f32("weight", &columns);
    struct op_harness_case c = case_of(n / columns, columns, options);
    c.in[0].values = golden_f32("x", NULL);
    c.in[1].values = golden_f32("weight", NULL);
    c.in[2].values = golden_f32("bias", NULL);
    c.d_out[0] = golden_f32("grad.y", NULL);
    c.expected_out[0] = golden_f32("y", NULL);
    c.expected_d_in[0] = golden_f32("grad.x", NULL);
    c.expected_d_in[1] = golden_f32("grad.weight", NULL);
    c.expected_d_in[2] = golden_f32("grad.bias", NULL);
    c.expected_tolerance = 2e-6; /* fp32 against double */
    op_harness_run(&c);
    golden_close();
}

/* Sums within subgroups are for devices that can ask for one of a size that divides a row's
 * threads, and for rows that threads share. */
static void test_choice(void) {
    static const struct {
        int64_t columns;
        uint32_t subgroup;
        const char *shader;
    } cases[] = {{768, 0, "layernorm_fwd"},
                 {768, 32, "layernorm_fwd_subgroup"},
                 {768, 64, "layernorm_fwd_subgroup"},
                 {768, 128, "layernorm_fwd"},
                 {32, 32, "layernorm_fwd"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct traits traits = {.subgroup = cases[i].subgroup};
        struct op_call call = {.op = OP_layernorm, .direction = OP_FORWARD};
        struct kernel k[OP_KERNELS_MAX] = {0};
        call.slot[OP_IN].tensor = tensor_make(TENSOR_F32, 2, (int64_t[]){5, cases[i].columns});
        op_layernorm.kernels(&call, &traits, k);
        CHECK_TEXT(k[0].shader, cases[i].shader);
        CHECK_EQUAL(k[0].subgroup,
                    strstr(cases[i].shader, "_subgroup") ? cases[i].subgroup : 0);
    }
}

int main(int argc, char **argv) {
    op_harness_begin(argc, argv);
    static const int64_t shapes[][2] = {{1, 1},   {1, 2},    {3, 5},    {8, 64},  {7, 65},
                                        {2, 768}, {65, 128}, {130, 17}, {9, 1025}};
    const struct layernorm_options options = {.epsilon = 1e-5f};
    test_choice();
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        struct op_harness_case c = case_of(shapes[s][0], shapes[s][1], &options);
        /* Two numbers become -1 and 1 wherever they are: too steep for differences between. */
        if (shapes[s][1] <= 2) c.difference_tolerance = 1;
        op_harness_run(&c);
    }
    struct op_harness_case many = case_of(70001, 3, &options);
    many.wants = 1;                  /* sums over so many rows take a minute on software devices */
    many.difference_tolerance = 0.1; /* rows of three nearly equal numbers are steep */
    op_harness_run(&many);
    /* A mean far from 0: a variance in one pass would lose everything. */
    struct op_harness_case far = case_of(5, 96, &options);
    far.in[0].offset = 1000;
    far.in[0].step = 0.1f;
    far.tolerance = 2e-4; /* of 1000, fp32 keeps 3e-5; the mean is rounded to that */
    far.difference_tolerance = 2e-2;
    op_harness_run(&far);
    test_golden(&options);
    /* The rows that threads share once more, without sums within subgroups. */
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        struct op_harness_case c = case_of(shapes[s][0], shapes[s][1], &options);
        c.traits = "subgroup=0";
        if (shapes[s][1] > 32) op_harness_run(&c);
    }
    const struct op_harness_case slice = case_of(800, 768, &options); /* of ViT-B/32 */
    op_harness_perf(&slice);

    struct op_harness_case wrong = case_of(3, 4, &options);
    wrong.in[1] = op_harness_f32(3, 0, 0, 0);
    op_harness_refuse(&wrong, "gain; expected 4");
    return op_harness_report();
}
