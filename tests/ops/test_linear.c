#include "models/backend.h"
#include "models/ops/linear.h"
#include "tests/check.h"
#include "tests/ops/op_harness.h"

#include <stdio.h>
#include <string.h>

enum { BIAS = 1, LORA = 2, RESIDUAL = 4, TRANSPOSED = 8, FEATURES = 16 };

/* features: which optional operands there are. rank 0: the adapter's is 4. */
static struct op_harness_case case_of(int64_t rows, int64_t inputs, int64_t outputs, int64_t rank,
                                      int features, const struct linear_options *options) {
    const bool transposed = features & TRANSPOSED;
    struct op_harness_case c = {.op = &op_linear,
                                .id = OP_linear,
                                .options = options,
                                .options_bytes = sizeof *options,
                                .wants = 1u << LINEAR_X | 1u << LINEAR_WEIGHT};
    c.in[LINEAR_X] = op_harness_f32(rows, inputs, 0, 0);
    c.in[LINEAR_WEIGHT] =
        transposed ? op_harness_f32(inputs, outputs, 0, 0) : op_harness_f32(outputs, inputs, 0, 0);
    if (features & BIAS) c.in[LINEAR_BIAS] = op_harness_f32(outputs, 0, 0, 0);
    if (features & RESIDUAL) c.in[LINEAR_RESIDUAL] = op_harness_f32(rows, outputs, 0, 0);
    if (features & LORA) {
        c.in[LINEAR_LORA_A] = op_harness_f32(rank, inputs, 0, 0);
        c.in[LINEAR_LORA_B] = op_harness_f32(outputs, rank, 0, 0);
    }
    for (int i = 0; i < OP_INPUTS; i++)
        if (c.in[i].is_present) c.wants |= 1u << i;
    return c;
}

static void run(int64_t rows, int64_t inputs, int64_t outputs, int64_t rank, int features,
                uint32_t wants, float scale) {
    const struct linear_options options = {.transposed = (features & TRANSPOSED) != 0,
                                           .scale = scale};
    struct op_harness_case c = case_of(rows, inputs, outputs, rank, features, &options);
    if (wants) c.wants = wants;
    op_harness_run(&c);
}

/* The shaders of the call's kernels and their tiles, each followed by a blank. */
static void shaders_of(const struct op_harness_case *c, const struct traits *traits,
                       enum op_direction direction, char out[256]) {
    static struct buffer somewhere;
    struct op_call call = {.op = c->id, .direction = direction};
    struct kernel kernels[OP_KERNELS_MAX] = {0};
    size_t used = 0;
    memcpy(call.options, c->options, c->options_bytes);
    for (int i = 0; i < OP_INPUTS; i++) {
        if (!c->in[i].is_present) continue;
        call.slot[OP_IN + i].tensor = call.slot[OP_D_IN + i].tensor = c->in[i].tensor;
        call.slot[OP_IN + i].buffer = &somewhere;
        if (c->wants >> i & 1) call.slot[OP_D_IN + i].buffer = &somewhere;
    }
    CHECK_EQUAL(c->op->shape(&call, NULL), STATUS_OK);
    call.slot[OP_D_OUT].tensor = call.slot[OP_OUT].tensor;
    call.slot[OP_OUT].buffer = call.slot[OP_D_OUT].buffer = &somewhere;
    const int n = c->op->kernels(&call, traits, kernels);
    out[0] = '\0';
    for (int i = 0; i < n && used < 256; i++)
        used += (size_t)snprintf(out + used, 256 - used, "%s %u %u ", kernels[i].shader,
                                 kernels[i].spec[0], kernels[i].spec[1]);
}

/* Large enough for the tiled shaders, with odd ends, in all three layouts; the tile is as large as
 * the device can hold, and as the product fills. */
static void test_tiles(void) {
    static const struct {
        int64_t rows, outputs;
        const char *traits, *shaders; /* of what a desktop GPU has; of forward */
    } cases[] = {
        {130, 131, "groups=4", "gemm_nt_8 128 128 "},
        {130, 131, "groups=5", "gemm_nt 64 64 "},
        {130, 131, "groups=4 shared=16895", "gemm_nt 64 64 "},
        {130, 131, "groups=4 shared=8703", "gemm_nt 64 32 "},
        {330, 33, "", "gemm_nt 64 64 "},
        {330, 32, "", "gemm_nt 64 32 "},
        {32, 330, "", "gemm_nt 32 64 "},
        {130, 131, "threads=255", "gemm_nt 64 32 "},
        {130, 131, "threads=64", "gemm_nt 32 32 "},
        {130, 131, "threads=63", "gemm_small 0 0 "},
        {330, 16, "", "gemm_small 0 0 "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct linear_options options = {.scale = 1};
        struct op_harness_case c =
            case_of(cases[i].rows, 113, cases[i].outputs, 0, BIAS | RESIDUAL, &options);
        struct traits traits = {.threads = 1024, .shared_bytes = 32768, .groups = 128};
        char forward[256], backward[256];
        CHECK_EQUAL(traits_mask(&traits, cases[i].traits, NULL), STATUS_OK);
        shaders_of(&c, &traits, OP_FORWARD, forward);
        CHECK_TEXT(forward, cases[i].shaders);
        shaders_of(&c, &traits, OP_BACKWARD, backward);
        const bool is_small = strstr(forward, "gemm_small") != NULL;
        CHECK_TRUE((strstr(backward, "gemm_nn") != NULL) == !is_small);
        CHECK_TRUE((strstr(backward, "gemm_tn") != NULL) == !is_small);
        c.traits = cases[i].traits;
        op_harness_run(&c);
    }
}

/* Frozen weights of 16 bits, on devices that load 16-bit numbers and on those that do not, in the
 * tiled and the small shaders: odd widths, so that rows begin in the middle of a word, more rows
 * than are widened at a time on the CPU, and products by hand. */
static void test_16(void) {
    static const int64_t shapes[][3] = {{3, 5, 7}, {130, 113, 131}, {2, 600, 701}};
    static const enum tensor_type types[] = {TENSOR_F16, TENSOR_BF16};
    for (size_t i = 0; i < 3 * 2 * 2 * 2; i++) {
        const int64_t *s = shapes[i / 8];
        const int features = i / 4 % 2 ? TRANSPOSED : BIAS | LORA | RESIDUAL;
        const struct linear_options options = {.transposed = features == TRANSPOSED, .scale = 1};
        struct op_harness_case c = case_of(s[0], s[1], s[2], 4, features, &options);
        c.in[LINEAR_WEIGHT] = features == TRANSPOSED
                                  ? op_harness_16(types[i / 2 % 2], s[1], s[2], 0, 0)
                                  : op_harness_16(types[i / 2 % 2], s[2], s[1], 0, 0);
        c.wants &= ~(1u << LINEAR_WEIGHT);
        c.name = i / 2 % 2 ? "bf16" : "f16";
        c.traits = i % 2 ? "tier=0 groups=4" : "groups=4";
        op_harness_run(&c);
    }
    /* 1, the smallest and the largest subnormal number, -2; in bfloat16 1, 3, -0.5, 2^-120. */
    static const uint16_t f16[] = {0x3c00, 0x0001, 0x03ff, 0xc000};
    static const uint16_t bf16[] = {0x3f80, 0x4040, 0xbf00, 0x0380};
    static const float x[] = {2, 0x1p20f, 0x1p10f, 3, 0, 0, 0, 0x1p110f};
    static const float y_f16[] = {2 + 0x1p-4f + 0x3ffp-14f - 6, -0x1p111f};
    static const float y_bf16[] = {2 + 3 * 0x1p20f - 0x1p9f, 0x1p-10f};
    const struct linear_options options = {.scale = 1};
    for (int i = 0; i < 4; i++) {
        struct op_harness_case c = case_of(2, 4, 1, 0, 0, &options);
        c.in[LINEAR_WEIGHT] = op_harness_16(types[i % 2], 1, 4, 0, 0);
        c.in[LINEAR_WEIGHT].values = i % 2 ? bf16 : f16;
        c.in[LINEAR_X].values = x;
        c.wants = 0;
        c.traits = i / 2 ? "tier=0" : NULL;
        c.expected_out[0] = i % 2 ? y_bf16 : y_f16;
        op_harness_run(&c);
    }
}

/* y = x W' + b + residual + 0.5 (x A') B' by hand; dA = 0.5 (dy B)' x and so on. */
static void test_by_hand(void) {
    static const float x[] = {1, 2}, weight[] = {3, -1, 0, 4, 1, 1}, bias[] = {10, 20, 30};
    static const float a[] = {2, 1}, b[] = {1, -1, 2}, residual[] = {100, 200, 300};
    static const float d_out[] = {1, 2, 4};
    /* x W' = 1, 8, 3; x A' = 4; (x A') B' = 4, -4, 8; dy B = 1 - 2 + 8 = 7 */
    static const float y[] = {113, 226, 337};
    static const float dx[] = {3 + 0 + 4 + 7, -1 + 8 + 4 + 3.5f}, da[] = {3.5f, 7};
    static const float dweight[] = {1, 2, 2, 4, 4, 8}, db[] = {2, 4, 8};
    const struct linear_options options = {.scale = 0.5f};
    struct op_harness_case c = case_of(1, 2, 3, 1, BIAS | LORA | RESIDUAL, &options);
    const float *const values[] = {x, weight, bias, a, b, residual};
    const float *const gradients[] = {dx, dweight, d_out, da, db, d_out};
    for (int i = 0; i < OP_INPUTS; i++) {
        c.in[i].values = values[i];
        c.expected_d_in[i] = gradients[i];
    }
    c.d_out[0] = d_out;
    c.expected_out[0] = y;
    op_harness_run(&c);
}

int main(int argc, char **argv) {
    op_harness_begin(argc, argv);
    static const int64_t shapes[][4] = {
        {1, 1, 1, 1}, {3, 5, 7, 2}, {16, 32, 64, 4}, {17, 33, 65, 5}, {65, 31, 8, 16}};
    /* Every combination of optional operands at one odd shape, few at the others. */
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int features = 0; features < FEATURES; features += s == 3 ? 1 : 5)
            run(shapes[s][0], shapes[s][1], shapes[s][2], shapes[s][3], features, 0, 0.5f);
    run(65537, 2, 3, 1, BIAS, 0, 1);
    run(9, 8, 6, 2, BIAS | LORA, 0, 0); /* an adapter of weight 0 gives nothing */
    /* What training adapters alone asks for, with and without the gradient of x. */
    run(33, 16, 24, 4, BIAS | LORA | RESIDUAL,
        1u << LINEAR_LORA_A | 1u << LINEAR_LORA_B | 1u << LINEAR_X, 1);
    run(33, 16, 24, 4, BIAS | LORA, 1u << LINEAR_LORA_A | 1u << LINEAR_LORA_B, 1);
    test_by_hand();
    test_tiles();
    test_16();

    const struct linear_options options = {.scale = 1};
    /* A slice of ViT-B/32, 16 pictures of 50 tokens: frozen weights with adapters, and trained. */
    struct op_harness_case slice = case_of(800, 768, 768, 16, BIAS | LORA, &options);
    slice.wants = 1u << LINEAR_X | 1u << LINEAR_LORA_A | 1u << LINEAR_LORA_B;
    op_harness_perf(&slice);
    slice = case_of(800, 768, 768, 0, BIAS, &options);
    op_harness_perf(&slice);
    struct op_harness_case wrong = case_of(3, 4, 5, 2, BIAS | LORA, &options);
    wrong.in[LINEAR_BIAS] = op_harness_f32(4, 0, 0, 0);
    op_harness_refuse(&wrong, "bias; expected float (1, 5), found (1, 4)");
    wrong = case_of(3, 4, 5, 2, BIAS, &options);
    wrong.in[LINEAR_BIAS] = op_harness_16(TENSOR_F16, 5, 0, 0, 0);
    op_harness_refuse(&wrong, "bias; expected float (1, 5)");
    wrong = case_of(3, 4, 5, 2, LORA, &options);
    wrong.in[LINEAR_LORA_B] = (struct op_harness_input){0};
    op_harness_refuse(&wrong, "two matrices or none");
    return op_harness_report();
}
