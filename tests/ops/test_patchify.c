#include "models/ops/patchify.h"
#include "tests/ops/op_harness.h"

#include <math.h>

static struct op_harness_case case_of(int64_t n, int64_t side,
                                      const struct patchify_options *options) {
    return (struct op_harness_case){.op = &op_patchify,
                                    .id = OP_patchify,
                                    .in = {op_harness_u8(n, side, side, 3)},
                                    .options = options,
                                    .options_bytes = sizeof *options};
}

/* Bytes 0, 1, 2 ... of a picture of side 4 in patches of side 2: where each goes, written down from
 * the picture. Deviation 1/255 gives the bytes themselves back. */
static void test_places(void) {
    static const float expected[] = {
        0,  3,  12, 15, 1,  4,  13, 16, 2,  5,  14, 17, /* upper left: red, green, blue */
        6,  9,  18, 21, 7,  10, 19, 22, 8,  11, 20, 23, /* upper right */
        24, 27, 36, 39, 25, 28, 37, 40, 26, 29, 38, 41, /* lower left */
        30, 33, 42, 45, 31, 34, 43, 46, 32, 35, 44, 47, /* lower right */
    };
    uint8_t pixels[48];
    for (int i = 0; i < 48; i++) pixels[i] = (uint8_t)i;
    const struct patchify_options options = {.patch = 2,
                                             .deviation = {1.f / 255, 1.f / 255, 1.f / 255}};
    struct op_harness_case c = case_of(1, 4, &options);
    c.in[0].values = pixels;
    c.expected_out[0] = expected;
    op_harness_run(&c);
}

/* CLIP's mean and deviation. Expected values from Python's (v / 255 - mean) / deviation. */
static void test_clip_numbers(void) {
    static const uint8_t pixels[] = {0, 0, 0, 1, 1, 1, 128, 128, 128, 255, 255, 255};
    static const float expected[] = {
        -1.79226253374815f,   -1.777664107128907f,  0.07633607351494368f, 1.930336254158794f,
        -1.7520971281645974f, -1.7370893596708805f, 0.16889723903118556f, 2.0748838377332515f,
        -1.4802197687835659f, -1.465999703066542f,  0.33994864299551714f, 2.1458969890575763f,
    };
    const struct patchify_options options = {.patch = 2,
                                             .mean = {0.48145466f, 0.4578275f, 0.40821073f},
                                             .deviation = {0.26862954f, 0.26130258f, 0.27577711f}};
    struct op_harness_case c = case_of(1, 2, &options);
    c.in[0].values = pixels;
    c.expected_out[0] = expected;
    c.expected_tolerance = 1e-6; /* a few roundings of fp32 */
    op_harness_run(&c);
}

int main(int argc, char **argv) {
    op_harness_begin(argc, argv);
    /* pictures, side, patch */
    static const int64_t shapes[][3] = {{1, 1, 1},  {3, 15, 5},    {2, 32, 16}, {2, 33, 11},
                                        {1, 17, 1}, {1, 224, 224}, {2, 66, 2},  {70001, 2, 2}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const struct patchify_options options = {.patch = (int32_t)shapes[i][2],
                                                 .mean = {0.5f, 0.4f, 0.3f},
                                                 .deviation = {0.2f, 0.3f, 0.4f}};
        const struct op_harness_case c = case_of(shapes[i][0], shapes[i][1], &options);
        op_harness_run(&c);
    }
    test_places();
    test_clip_numbers();

    struct patchify_options options = {.patch = 3, .deviation = {1, 1, 1}};
    struct op_harness_case wrong = case_of(1, 8, &options);
    op_harness_refuse(&wrong, "expected a divisor of 8, found 3");
    options.patch = 0;
    op_harness_refuse(&wrong, "expected a divisor of 8, found 0");
    options.patch = 2;
    options.deviation[1] = 0;
    op_harness_refuse(&wrong, "deviation");
    options.deviation[1] = NAN;
    op_harness_refuse(&wrong, "deviation");
    options.deviation[1] = 1;
    wrong.in[0] = op_harness_u8(1, 8, 4, 3);
    op_harness_refuse(&wrong, "found type 2, rank 4, (1, 8, 4, 3)");
    wrong.in[0] = op_harness_u8(1, 8, 8, 4);
    op_harness_refuse(&wrong, "pixels");
    wrong.in[0] = op_harness_f32(1, 8, 8, 3);
    op_harness_refuse(&wrong, "bytes");
    return op_harness_report();
}
