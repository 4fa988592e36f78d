#include "models/ops/contrastive_loss.h"
#include "tests/check.h"
#include "tests/golden.h"
#include "tests/ops/op_harness.h"

#include <math.h>
#include <string.h>

enum { U, V, LOGIT_SCALE, CAPTION_ID, USABLE };

/* About one sample in four is not usable. */
static void fill_usable(void *data, const struct tensor *t, int64_t limit, struct random *r) {
    (void)limit;
    for (int64_t i = 0; i < tensor_elements(t); i++)
        ((float *)data)[i] = random_below(r, 4) ? 1 : 0;
}

static struct op_harness_case make(int64_t n, int64_t width, int64_t n_captions) {
    static const float scale = 2.3f; /* factor 10 */
    struct op_harness_case c = {
        .op = &op_contrastive_loss,
        .id = OP_contrastive_loss,
        .in = {op_harness_f32(n, width, 0, 0), op_harness_f32(n, width, 0, 0), op_harness_number(),
               op_harness_i32(n_captions, n, 0, 0, 0), op_harness_f32(n, 0, 0, 0)},
        .wants = 1u << U | 1u << V | 1u << LOGIT_SCALE,
    };
    c.in[U].fill = c.in[V].fill = op_harness_unit_rows;
    c.in[LOGIT_SCALE].values = &scale;
    c.in[USABLE].fill = fill_usable;
    return c;
}

static void run_shape(int64_t n, int64_t width, int64_t n_captions) {
    struct op_harness_case c = make(n, width, n_captions);
    /* The loss is one float, and the gradient of one number falls with the number of rows. */
    c.difference_tolerance = n > 30 ? 2e-2 : 2e-3;
    /* The gradient of the scale adds n^2 numbers that nearly cancel, in fp32 on a device. */
    c.device_tolerance = 1e-4;
    op_harness_run(&c);
}

/* A call with all its memory, for what the harness does not ask. */
enum { ROWS = 8, WIDTH = 12 };
struct example {
    int64_t n, width;
    float u[ROWS * WIDTH], v[ROWS * WIDTH], logit_scale, usable[ROWS];
    int32_t caption_id[ROWS];
    float loss, row_lse[ROWS], column_lse[ROWS], scratch[ROWS * ROWS + 2 * ROWS];
    float du[ROWS * WIDTH], dv[ROWS * WIDTH], d_logit_scale;
};

static void bind(struct op_call *c, int slot, enum tensor_type type, int rank, int64_t a, int64_t b,
                 void *data) {
    static struct buffer *const present = (struct buffer *)1;
    c->slot[slot] = (struct op_operand){
        .tensor = tensor_make(type, rank, (int64_t[]){a, b}),
        .buffer = present,
        .data = data,
    };
}

static void run_example(struct example *x) {
    float d_loss = 1;
    struct op_call c = {.op = OP_contrastive_loss};
    bind(&c, OP_IN + U, TENSOR_F32, 2, x->n, x->width, x->u);
    bind(&c, OP_IN + V, TENSOR_F32, 2, x->n, x->width, x->v);
    bind(&c, OP_IN + LOGIT_SCALE, TENSOR_F32, 0, 1, 1, &x->logit_scale);
    bind(&c, OP_IN + CAPTION_ID, TENSOR_I32, 1, x->n, 1, x->caption_id);
    bind(&c, OP_IN + USABLE, TENSOR_F32, 1, x->n, 1, x->usable);
    bind(&c, OP_OUT, TENSOR_F32, 0, 1, 1, &x->loss);
    bind(&c, OP_SAVE, TENSOR_F32, 1, x->n, 1, x->row_lse);
    bind(&c, OP_SAVE + 1, TENSOR_F32, 1, x->n, 1, x->column_lse);
    bind(&c, OP_SCRATCH, TENSOR_F32, 1, ROWS * ROWS + 2 * ROWS, 1, x->scratch);
    op_contrastive_loss.forward(&c);
    c.direction = OP_BACKWARD;
    bind(&c, OP_D_OUT, TENSOR_F32, 0, 1, 1, &d_loss);
    bind(&c, OP_D_IN + U, TENSOR_F32, 2, x->n, x->width, x->du);
    bind(&c, OP_D_IN + V, TENSOR_F32, 2, x->n, x->width, x->dv);
    bind(&c, OP_D_IN + LOGIT_SCALE, TENSOR_F32, 0, 1, 1, &x->d_logit_scale);
    op_contrastive_loss.backward(&c);
}

/* Rows sin(0.7 i + 1.3 j + 0.1 k) of length 1. */
static void sines(float *out, int64_t n, int64_t width, double k) {
    for (int64_t i = 0; i < n; i++) {
        double square = 0;
        for (int64_t j = 0; j < width; j++)
            square += pow(sin(0.7 * (double)i + 1.3 * (double)j + 0.1 * k), 2);
        for (int64_t j = 0; j < width; j++)
            out[i * width + j] =
                (float)(sin(0.7 * (double)i + 1.3 * (double)j + 0.1 * k) / sqrt(square));
    }
}

static struct example sines_example(int64_t n, int64_t width, float logit_scale) {
    struct example x = {.n = n, .width = width, .logit_scale = logit_scale};
    sines(x.u, n, width, 0);
    sines(x.v, n, width, 5);
    for (int i = 0; i < n; i++) {
        x.caption_id[i] = 100 - i;
        x.usable[i] = 1;
    }
    return x;
}

/* Values of an evaluation in double precision; 14.3 times cosines rounded to 6e-8. */
static void test_values(void) {
    struct example x = sines_example(4, 6, logf(1 / 0.07f));
    run_example(&x);
    CHECK_CLOSE(x.loss, 1.191184459659, 3e-6);
    x = sines_example(4, 6, logf(10));
    run_example(&x);
    CHECK_CLOSE(x.loss, 0.978536800789, 3e-6);
}

/* tests/golden/make_golden.py, make_contrastive: without and with equal captions and holes. */
static void test_golden(void) {
    static const float one[] = {1};
    static const int32_t distinct[] = {0, 1, 2, 3, 4, 5, 6};
    static const float all[] = {1, 1, 1, 1, 1, 1, 1};
    const char *const names[][4] = {
        {"plain.loss", "plain.grad.u", "plain.grad.v", "plain.grad.logit_scale"},
        {"shared.loss", "shared.grad.u", "shared.grad.v", "shared.grad.logit_scale"},
        {"holes.loss", "holes.grad.u", "holes.grad.v", "holes.grad.logit_scale"}};
    golden_open("contrastive_loss");
    for (int k = 0; k < 3; k++) {
        struct op_harness_case c = make(7, 10, 7);
        c.name = names[k][0];
        c.in[U].values = golden_f32("u", NULL);
        c.in[V].values = golden_f32("v", NULL);
        c.in[LOGIT_SCALE].values = golden_f32("logit_scale", NULL);
        c.in[CAPTION_ID].values = k == 0 ? distinct : golden_i32("caption_id", NULL);
        c.in[USABLE].values = k < 2 ? all : golden_f32("usable", NULL);
        c.in[U].step = c.in[V].step = c.in[LOGIT_SCALE].step = 0.015f; /* times 20: 0.3 */
        c.d_out[0] = one;
        c.expected_out[0] = golden_f32(names[k][0], NULL);
        c.expected_d_in[U] = golden_f32(names[k][1], NULL);
        c.expected_d_in[V] = golden_f32(names[k][2], NULL);
        c.expected_d_in[LOGIT_SCALE] = golden_f32(names[k][3], NULL);
        op_harness_run(&c);
    }
    golden_close();
}

static void swap_rows(float *x, int64_t width, int a, int b) {
    for (int64_t j = 0; j < width; j++) {
        const float kept = x[a * width + j];
        x[a * width + j] = x[b * width + j];
        x[b * width + j] = kept;
    }
}

static void test_properties(void) {
    struct example x = sines_example(7, 10, logf(20)), y;
    x.caption_id[2] = x.caption_id[5];
    run_example(&x);

    /* pairs in another order, and towers exchanged; a few roundings of numbers up to 20 */
    y = x;
    swap_rows(y.u, 10, 1, 5);
    swap_rows(y.v, 10, 1, 5);
    y.caption_id[1] = x.caption_id[5];
    y.caption_id[5] = x.caption_id[1];
    run_example(&y);
    CHECK_CLOSE(y.loss, x.loss, 3e-6);
    for (int j = 0; j < 10; j++) CHECK_CLOSE(y.du[10 + j], x.du[50 + j], 1e-5);
    y = x;
    memcpy(y.u, x.v, sizeof x.v);
    memcpy(y.v, x.u, sizeof x.u);
    run_example(&y);
    CHECK_CLOSE(y.loss, x.loss, 3e-6);
    CHECK_CLOSE(y.d_logit_scale, x.d_logit_scale, 1e-5);

    /* The sum of E is 0: with all texts equal to one vector and that as gradient direction,
     * sum_i du_i = s sum_ij E_ij v = 0. */
    y = x;
    for (int i = 1; i < 7; i++) memcpy(y.v + 10 * i, y.v, 10 * sizeof(float));
    run_example(&y);
    for (int j = 0; j < 10; j++) {
        float sum = 0;
        for (int i = 0; i < 7; i++) sum += y.du[10 * i + j];
        CHECK_CLOSE(sum, 0, 1e-5);
    }

    /* ln B when all features are equal, whatever the captions share */
    for (int i = 1; i < 7; i++) memcpy(y.u + 10 * i, y.u, 10 * sizeof(float));
    run_example(&y);
    CHECK_CLOSE(y.loss, log(7), 1e-5);

    /* samples that are not usable are as good as absent */
    y = x;
    y.n = 5;
    run_example(&y);
    const float without = y.loss, slope = y.d_logit_scale, du = y.du[13];
    y = x;
    y.usable[5] = y.usable[6] = 0;
    run_example(&y);
    CHECK_CLOSE(y.loss, without, 1e-6);
    CHECK_CLOSE(y.d_logit_scale, slope, 1e-5);
    CHECK_CLOSE(y.du[13], du, 1e-6);
    for (int k = 50; k < 70; k++) CHECK_TRUE(y.du[k] == 0 && y.dv[k] == 0);
    memset(y.usable, 0, sizeof y.usable);
    run_example(&y);
    CHECK_CLOSE(y.loss, 0, 0);
    CHECK_CLOSE(y.d_logit_scale, 0, 0);
    for (int k = 0; k < 70; k++) CHECK_TRUE(y.du[k] == 0 && y.dv[k] == 0);

    /* one usable sample has nothing to be told apart from */
    y = x;
    y.n = 1;
    run_example(&y);
    CHECK_CLOSE(y.loss, 0, 0);
}

int main(int argc, char **argv) {
    op_harness_begin(argc, argv);
    run_shape(1, 1, 1);
    run_shape(2, 3, 100);
    run_shape(7, 5, 3);
    run_shape(16, 64, 100000);
    run_shape(17, 33, 8);
    run_shape(64, 48, 20);
    run_shape(129, 65, 50);
    /* Tiles of 256 rows: one row more than a tile; three tiles, the last not whole. */
    run_shape(257, 3, 100);
    run_shape(520, 2, 400);
    test_values();
    test_golden();
    test_properties();

    /* 65,536 samples have 16 GiB of scores; a tile of them is within the smallest storage range. */
    struct op_call large = {.op = OP_contrastive_loss};
    large.slot[OP_IN + U].tensor = tensor_make(TENSOR_F32, 2, (int64_t[]){65536, 512});
    CHECK_TRUE(op_contrastive_loss.scratch_bytes(&large) < 128 << 20);

    struct op_harness_case c = make(3, 4, 3);
    c.in[V] = op_harness_f32(4, 4, 0, 0);
    op_harness_refuse(&c, "v; expected 12 numbers");
    c = make(3, 4, 3);
    c.in[CAPTION_ID] = op_harness_f32(3, 0, 0, 0);
    op_harness_refuse(&c, "caption_id; expected 3 numbers of type");
    return op_harness_report();
}
