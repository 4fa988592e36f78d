#include "models/ops/adamw.h"
#include "models/ops/gradient_norm.h"
#include "shaders/params/adamw.h"
#include "tests/check.h"
#include "tests/golden.h"
#include "tests/ops/op_harness.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static float squares; /* scratch of the norm of a few numbers */
static float numbers[ADAMW_NUMBERS];
static float clip = 1, norm[2];

static void set_numbers(int number, float rate, float decay) {
    numbers[ADAMW_RATE] = rate;
    numbers[ADAMW_DECAY] = decay;
    numbers[ADAMW_BETA1] = 0.9f;
    numbers[ADAMW_BETA2] = 0.98f;
    numbers[ADAMW_EPSILON] = 1e-6f;
    numbers[ADAMW_CORRECTION1] = (float)(1 - pow(0.9, number));
    numbers[ADAMW_CORRECTION2] = (float)(1 - pow(0.98, number));
}

struct adamw_state {
    const float *gradient, *parameter, *first, *second;
};

/* Second moments are squares, so not below 0. */
static void fill_square(void *data, const struct tensor *t, int64_t limit, struct random *r) {
    (void)limit;
    for (int64_t i = 0; i < tensor_elements(t); i++) {
        const float x = random_normal(r);
        ((float *)data)[i] = x * x;
    }
}

static void run(int64_t n, bool decays, const struct adamw_state *at,
                const struct adamw_state *after) {
    const struct adamw_options options = {.decay = decays};
    const struct op_harness_input run_of_n = op_harness_f32(n, 0, 0, 0);
    struct op_harness_case c = {
        .op = &op_adamw,
        .id = OP_adamw,
        .in = {run_of_n, op_harness_f32(2, 0, 0, 0), op_harness_f32(ADAMW_NUMBERS, 0, 0, 0),
               run_of_n, run_of_n, run_of_n},
        .in_place = {4, 5, 6},
        .options = &options,
        .options_bytes = sizeof options,
    };
    c.in[1].values = norm;
    c.in[2].values = numbers;
    c.in[5].fill = fill_square;
    if (at) {
        c.in[0].values = at->gradient;
        c.in[3].values = at->parameter;
        c.in[4].values = at->first;
        c.in[5].values = at->second;
    }
    if (after) {
        c.expected_out[0] = after->parameter;
        c.expected_out[1] = after->first;
        c.expected_out[2] = after->second;
        c.floor = 1e-9; /* second moments of small gradients are small */
    }
    op_harness_run(&c);
}

static const float *golden(const char *format, int number, const char *name) {
    char text[64];
    snprintf(text, sizeof text, format, number, name);
    return golden_f32(text, NULL);
}

/* Three steps of torch.optim.AdamW after clip_grad_norm_: one tensor decays, the other does not.
 * Each step starts from PyTorch's numbers of the step before. */
static void test_golden(void) {
    static const float zeros[24];
    static const char *const names[] = {"weight", "bias"};
    golden_open("adamw");
    for (int number = 1; number <= 3; number++) {
        float both[30];
        set_numbers(number, golden("step.%d.lr", number, "")[0], 0.2f);
        memcpy(both, golden("step.%d.grad.%s", number, "weight"), 24 * sizeof(float));
        memcpy(both + 24, golden("step.%d.grad.%s", number, "bias"), 6 * sizeof(float));
        const int64_t n = 30;
        struct op_call call = {.op = OP_gradient_norm};
        call.slot[OP_IN].tensor = tensor_make(TENSOR_F32, 1, &n);
        call.slot[OP_IN].data = both;
        call.slot[OP_IN + 1].data = &clip;
        call.slot[OP_OUT].data = norm;
        call.slot[OP_SCRATCH].data = &squares;
        op_gradient_norm.forward(&call);
        const double expected = golden("step.%d.norm", number, "")[0];
        CHECK_CLOSE(norm[0], expected, 1e-6 * expected); /* 30 float additions */
        for (int k = 0; k < 2; k++) {
            const bool is_first = number == 1;
            const struct adamw_state at = {
                golden("step.%d.grad.%s", number, names[k]),
                is_first ? golden_f32(names[k], NULL) : golden("step.%d.%s", number - 1, names[k]),
                is_first ? zeros : golden("step.%d.first.%s", number - 1, names[k]),
                is_first ? zeros : golden("step.%d.second.%s", number - 1, names[k])};
            const struct adamw_state after = {.parameter = golden("step.%d.%s", number, names[k]),
                                              .first = golden("step.%d.first.%s", number, names[k]),
                                              .second =
                                                  golden("step.%d.second.%s", number, names[k])};
            run(k ? 6 : 24, k == 0, &at, &after);
        }
    }
    golden_close();
}

/* A gradient that is not finite has factor 0, and then not one bit changes. */
static void test_skip(void) {
    const struct adamw_state at = {(float[]){NAN, 1}, (float[]){0.1f, 0.2f}, (float[]){0.3f, 0.4f},
                                   (float[]){0.5f, 0.6f}};
    float w[] = {0.1f, 0.2f}, m[] = {0.3f, 0.4f}, v[] = {0.5f, 0.6f};
    const int64_t n = 2;
    struct op_call call = {.op = OP_gradient_norm};
    call.slot[OP_IN].tensor = tensor_make(TENSOR_F32, 1, &n);
    call.slot[OP_IN].data = (float *)at.gradient;
    call.slot[OP_IN + 1].data = &clip;
    call.slot[OP_OUT].data = norm;
    call.slot[OP_SCRATCH].data = &squares;
    op_gradient_norm.forward(&call);
    CHECK_CLOSE(norm[1], 0, 0);
    run(2, true, &at, &at);

    struct op_call update = {.op = OP_adamw};
    *(struct adamw_options *)update.options = (struct adamw_options){.decay = 1};
    float *const data[] = {(float *)at.gradient, norm, numbers, w, m, v};
    for (int i = 0; i < 6; i++) update.slot[OP_IN + i].data = data[i];
    for (int i = 0; i < 3; i++) {
        update.slot[OP_OUT + i].tensor = call.slot[OP_IN].tensor;
        update.slot[OP_OUT + i].data = data[3 + i];
    }
    op_adamw.forward(&update);
    CHECK_TRUE(!memcmp(w, at.parameter, sizeof w) && !memcmp(m, at.first, sizeof m) &&
               !memcmp(v, at.second, sizeof v));
}

int main(int argc, char **argv) {
    op_harness_begin(argc, argv);
    set_numbers(7, 1e-3f, 0.1f);
    norm[0] = 2;
    norm[1] = 0.5f;
    run(1, true, NULL, NULL);
    run(255, false, NULL, NULL);
    run(256, true, NULL, NULL);
    run(70001, true, NULL, NULL);
    test_golden();
    test_skip();

    struct op_harness_case c = {.op = &op_adamw, .id = OP_adamw};
    for (int i = 0; i < 6; i++) c.in[i] = op_harness_f32(5, 0, 0, 0);
    c.in[1] = op_harness_f32(2, 0, 0, 0);
    c.in[2] = op_harness_f32(ADAMW_NUMBERS, 0, 0, 0);
    c.in[4] = op_harness_f32(6, 0, 0, 0);
    op_harness_refuse(&c, "first moment; expected 5 float numbers, found 6");
    return op_harness_report();
}
