#include "models/ops/sgd.h"
#include "shaders/params/sgd.h"
#include "tests/check.h"
#include "tests/ops/op_harness.h"

static float numbers[SGD_NUMBERS] = {[SGD_RATE] = 0.5f, [SGD_DECAY] = 0.25f, [SGD_MOMENTUM] = 0.5f};
static float norm[2] = {4, 0.5f};

static struct op_harness_case sgd_case(int64_t n, const struct sgd_options *o) {
    const struct op_harness_input run_of_n = op_harness_f32(n, 0, 0, 0);
    struct op_harness_case c = {
        .op = &op_sgd,
        .id = OP_sgd,
        .in = {run_of_n, op_harness_f32(2, 0, 0, 0), op_harness_f32(SGD_NUMBERS, 0, 0, 0), run_of_n,
               run_of_n},
        .in_place = {4, 5},
        .options = o,
        .options_bytes = sizeof *o,
    };
    c.in[1].values = norm;
    c.in[2].values = numbers;
    return c;
}

/* Worked by hand from torch.optim.SGD's formula; every number is a float, so the bits are known.
 * gradient 4 and 8, factor 1/2, w 8 and -4, velocity 2 and 0. */
static void by_hand(struct sgd_options o, const float *w, const float *velocity) {
    struct op_harness_case c = sgd_case(2, &o);
    c.in[0].values = (float[]){4, 8};
    c.in[3].values = (float[]){8, -4};
    c.in[4].values = (float[]){2, 0};
    c.expected_out[0] = w;
    c.expected_out[1] = velocity;
    op_harness_run(&c);
}

int main(int argc, char **argv) {
    op_harness_begin(argc, argv);
    for (int k = 0; k < 4; k++) {
        static const int64_t sizes[] = {1, 255, 256, 70001};
        const struct sgd_options o = {.decay = k & 1, .nesterov = k >> 1};
        for (int i = 0; i < 4; i++) {
            struct op_harness_case c = sgd_case(sizes[i], &o);
            op_harness_run(&c);
        }
    }
    /* g = 2, 4; v = 3, 4 */
    by_hand((struct sgd_options){0}, (float[]){6.5f, -6}, (float[]){3, 4});
    /* g + v/2 = 3.5, 6 */
    by_hand((struct sgd_options){.nesterov = 1}, (float[]){6.25f, -7}, (float[]){3, 4});
    /* g = 4, 3; v = 5, 3 */
    by_hand((struct sgd_options){.decay = 1}, (float[]){5.5f, -5.5f}, (float[]){5, 3});
    /* a gradient that is not finite has the factor 0: nothing changes */
    norm[1] = 0;
    by_hand((struct sgd_options){.decay = 1}, (float[]){8, -4}, (float[]){2, 0});

    const struct sgd_options o = {0};
    struct op_harness_case c = sgd_case(3, &o);
    c.in[4] = op_harness_f32(4, 0, 0, 0);
    op_harness_refuse(&c, "velocity; expected 3 float numbers, found 4");
    return op_harness_report();
}
