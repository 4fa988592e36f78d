#include "models/ops/soft_target_loss.h"
#include "tests/check.h"
#include "tests/golden.h"
#include "tests/ops/op_harness.h"

#include <math.h>
#include <string.h>

enum { STUDENT, TEACHER, WEIGHT, LOGIT_SCALE, CENTER };

/* About one row in four has no weight. */
static void fill_weight(void *data, const struct tensor *t, int64_t limit, struct random *r) {
    (void)limit;
    for (int64_t i = 0; i < tensor_elements(t); i++)
        ((float *)data)[i] = random_below(r, 4) ? fabsf(random_normal(r)) / (float)t->shape[0] : 0;
}

static struct op_harness_case make(int64_t n, int64_t columns,
                                   const struct soft_target_loss_options *options) {
    struct op_harness_case c = {
        .op = &op_soft_target_loss,
        .id = OP_soft_target_loss,
        .in = {op_harness_f32(n, columns, 0, 0), op_harness_f32(n, columns, 0, 0),
               op_harness_f32(n, 0, 0, 0)},
        .options = options,
        .options_bytes = sizeof *options,
        .wants = 1u << STUDENT,
    };
    c.in[WEIGHT].fill = fill_weight;
    /* The loss is one float for all rows: its last bit is 1e-2 of the gradient of one number among
     * thousands. Small shapes decide about the formula. */
    c.in[STUDENT].step = 0.1f;
    c.difference_tolerance = n * columns > 1000 ? 3e-2 : 2e-3;
    /* A thread of a device adds up 1024 of 65537 numbers, each sum rounded to 6e-8 of itself. */
    if (n > 10000) c.device_tolerance = 1024 * 6e-8;
    return c;
}

/* Softmaxes of columns, of rows, with and without scale and centre; two of the four are
 * divergences. */
static void run_shape(int64_t n, int64_t columns) {
    static const float scale = 1.5f;
    for (int variant = 0; variant < 4; variant++) {
        /* a software device takes a minute for reductions of so many rows */
        if (n > 10000 && !(variant & 1)) continue;
        const struct soft_target_loss_options options = {
            .student_temperature = variant & 2 ? 0.5f : 2,
            .teacher_temperature = variant & 2 ? 0.2f : 2,
            .factor = 4,
            .columns = variant & 1,
            .divergence = variant == 1 || variant == 2,
        };
        struct op_harness_case c = make(n, columns, &options);
        if (variant & 2) {
            c.in[CENTER] = op_harness_f32(columns, 0, 0, 0);
        } else {
            c.in[LOGIT_SCALE] = op_harness_number();
            c.in[LOGIT_SCALE].values = &scale;
        }
        op_harness_run(&c);
    }
}

/* A teacher whose logits all are about -150, of rows and of columns. */
static void run_far_below(void) {
    enum { N = 40 };
    float center[N];
    for (int i = 0; i < N; i++) center[i] = 30;
    for (int columns = 0; columns < 2; columns++) {
        const struct soft_target_loss_options options = {
            .student_temperature = 2, .teacher_temperature = 0.2f, .factor = 1, .columns = columns};
        struct op_harness_case c = make(N, N, &options);
        c.in[CENTER] = op_harness_f32(N, 0, 0, 0);
        c.in[CENTER].values = center;
        op_harness_run(&c);
    }
}

/* A call with all its memory, for what the harness does not ask. */
enum { MOST = 64 };
struct example {
    int64_t n, columns;
    struct soft_target_loss_options options;
    float student[MOST], teacher[MOST], weight[MOST], center[MOST], logit_scale;
    bool has_center, has_scale;
    float loss, student_lse[MOST], teacher_lse[MOST], d_student[MOST], scratch[5 * MOST];
};

static void bind(struct op_call *c, int slot, int rank, int64_t a, int64_t b, float *data) {
    static struct buffer *const present = (struct buffer *)1;
    c->slot[slot] = (struct op_operand){
        .tensor = tensor_make(TENSOR_F32, rank, (int64_t[]){a, b}),
        .buffer = present,
        .data = data,
    };
}

static void run_example(struct example *x) {
    float d_loss = 1;
    struct op_call c = {.op = OP_soft_target_loss};
    memcpy(c.options, &x->options, sizeof x->options);
    bind(&c, OP_IN + STUDENT, 2, x->n, x->columns, x->student);
    bind(&c, OP_IN + TEACHER, 2, x->n, x->columns, x->teacher);
    bind(&c, OP_IN + WEIGHT, 1, x->n, 1, x->weight);
    if (x->has_scale) bind(&c, OP_IN + LOGIT_SCALE, 0, 1, 1, &x->logit_scale);
    if (x->has_center) bind(&c, OP_IN + CENTER, 1, x->columns, 1, x->center);
    bind(&c, OP_OUT, 0, 1, 1, &x->loss);
    bind(&c, OP_SAVE, 1, MOST, 1, x->student_lse);
    bind(&c, OP_SAVE + 1, 1, MOST, 1, x->teacher_lse);
    bind(&c, OP_SCRATCH, 1, 5 * MOST, 1, x->scratch);
    op_soft_target_loss.forward(&c);
    c.direction = OP_BACKWARD;
    bind(&c, OP_D_OUT, 0, 1, 1, &d_loss);
    bind(&c, OP_D_IN, 2, x->n, x->columns, x->d_student);
    op_soft_target_loss.backward(&c);
}

/* Cosines of rows sin(0.7 i + 1.3 j + 0.1 k), 6 numbers long, with five others. */
static void cosines(float *out, int n, double k, int n_others, double k_others) {
    for (int i = 0; i < n; i++) {
        for (int o = 0; o < n_others; o++) {
            double dot = 0, a_square = 0, b_square = 0;
            for (int j = 0; j < 6; j++) {
                const double a = sin(0.7 * i + 1.3 * j + 0.1 * k);
                const double b = sin(0.7 * o + 1.3 * j + 0.1 * k_others);
                dot += a * b;
                a_square += a * a;
                b_square += b * b;
            }
            out[i * n_others + o] = (float)(dot / sqrt(a_square * b_square));
        }
    }
}

/* ZSCL with T = 2 and s = 100, values from an evaluation in double precision. Cosines are rounded
 * to 6e-8, which 100 / 2 and T^2 make 1e-5. */
static void test_zscl(void) {
    struct example x = {.n = 4,
                        .columns = 5,
                        .options = {2, 2, 4, 0, 0},
                        .weight = {0.25f, 0.25f, 0.25f, 0.25f},
                        .has_scale = true,
                        .logit_scale = logf(100)};
    cosines(x.teacher, 4, 5, 5, 9);
    cosines(x.student, 4, 0, 5, 9);
    run_example(&x);
    const float by_image = x.loss;
    CHECK_CLOSE(by_image, 6.813221888289, 1e-5);
    x.options.columns = 1;
    run_example(&x);
    const float by_text = x.loss;
    CHECK_CLOSE(by_text, 7.675619463054, 1e-5);

    /* The divergence is what the entropy leaves of it, with the same gradient to the last bit. */
    struct example y = x;
    y.options.divergence = 1;
    run_example(&y);
    CHECK_CLOSE(y.loss, 6.485105066229, 1e-5);
    CHECK_TRUE(!memcmp(y.d_student, x.d_student, sizeof x.d_student));
    y.options.columns = 0;
    run_example(&y);
    CHECK_CLOSE(y.loss, 5.624459581472, 1e-5);
    for (int columns = 0; columns < 2; columns++) {
        struct example same = y;
        same.options.columns = columns;
        memcpy(same.student, same.teacher, sizeof same.student);
        run_example(&same);
        CHECK_CLOSE(same.loss, 0, 0);
    }

    /* With the teacher as student what is left is the entropy part. */
    memcpy(x.student, x.teacher, sizeof x.student);
    run_example(&x);
    CHECK_CLOSE(by_text - x.loss, 6.485105066229, 2e-5);
    for (int i = 0; i < 20; i++) CHECK_CLOSE(x.d_student[i], 0, 0);
    x.options.columns = 0;
    run_example(&x);
    CHECK_CLOSE(x.loss, 1.188762306817, 1e-5);
    CHECK_CLOSE(by_image - x.loss, 5.624459581472, 2e-5);
    for (int i = 0; i < 20; i++) CHECK_CLOSE(x.d_student[i], 0, 0);
}

/* The same through PyTorch with other features: tests/golden/make_golden.py, make_zscl. */
static void test_zscl_golden(void) {
    struct example x = {.n = 5,
                        .columns = 8,
                        .options = {2, 2, 4, 0, 0},
                        .has_scale = true,
                        .logit_scale = logf(30)};
    golden_open("zscl");
    const float *const images[] = {golden_f32("image", NULL), golden_f32("teacher_image", NULL)};
    const float *const texts[] = {golden_f32("text", NULL), golden_f32("teacher_text", NULL)};
    for (int live = 0; live < 2; live++) {
        for (int side = 0; side < 2; side++) {
            for (int k = 0; k < 40; k++) {
                const float *a = images[side] + k / 8 * 12;
                const float *b = texts[live ? side : 1] + k % 8 * 12;
                double dot = 0, a_square = 0, b_square = 0;
                for (int j = 0; j < 12; j++) {
                    dot += (double)a[j] * b[j];
                    a_square += (double)a[j] * a[j];
                    b_square += (double)b[j] * b[j];
                }
                (side ? x.teacher : x.student)[k] = (float)(dot / sqrt(a_square * b_square));
            }
        }
        for (int i = 0; i < 5; i++) x.weight[i] = 0.2f;
        x.options.columns = 0;
        run_example(&x);
        CHECK_CLOSE(x.loss, golden_f32(live ? "live.loss_image" : "frozen.loss_image", NULL)[0],
                    1e-5);
        x.options.columns = 1;
        run_example(&x);
        CHECK_CLOSE(x.loss, golden_f32(live ? "live.loss_text" : "frozen.loss_text", NULL)[0],
                    1e-5);
    }
    golden_close();
}

/* Self-distillation with a centre, by PyTorch. */
static void test_consistency(void) {
    static const float weight[6] = {1 / 6.0f, 1 / 6.0f, 1 / 6.0f, 1 / 6.0f, 1 / 6.0f, 1 / 6.0f};
    static const float one[] = {1};
    const struct soft_target_loss_options options = {0.1f, 0.04f, 1, 0, 0};
    struct op_harness_case c = make(6, 20, &options);
    golden_open("consistency");
    c.in[CENTER] = op_harness_f32(20, 0, 0, 0);
    c.in[STUDENT].values = golden_f32("student", NULL);
    c.in[STUDENT].step = 0.003f; /* a temperature of 0.1 makes it 0.03 */
    c.in[TEACHER].values = golden_f32("teacher", NULL);
    c.in[WEIGHT].values = weight;
    c.in[CENTER].values = golden_f32("centre", NULL);
    c.d_out[0] = one;
    c.expected_out[0] = golden_f32("loss", NULL);
    c.expected_d_in[STUDENT] = golden_f32("grad.student", NULL);
    op_harness_run(&c);
    golden_close();
}

static void test_properties(void) {
    struct example x = {.n = 4, .columns = 6, .options = {0.5f, 0.25f, 1, 0, 0}};
    struct example y;
    for (int i = 0; i < 24; i++) {
        x.student[i] = sinf((float)(3 * i * i));
        x.teacher[i] = cosf((float)(5 * i * i));
    }
    for (int i = 0; i < 4; i++) x.weight[i] = 0.25f;
    run_example(&x);

    /* a shift of the teacher by the centre changes nothing but roundings */
    y = x;
    y.has_center = true;
    for (int i = 0; i < 24; i++) {
        y.center[i % 6] = (float)(i % 6) - 2.5f;
        y.teacher[i] += (float)(i % 6) - 2.5f;
    }
    run_example(&y);
    CHECK_CLOSE(y.loss, x.loss, 1e-5);
    for (int i = 0; i < 24; i++) CHECK_CLOSE(y.d_student[i], x.d_student[i], 1e-6);

    for (int columns = 0; columns < 2; columns++) {
        x.options.columns = columns;
        run_example(&x);
        /* gradients of a softmax's logits add up to 0 */
        for (int s = 0; s < (columns ? 6 : 4); s++) {
            float sum = 0;
            for (int k = 0; k < (columns ? 4 : 6); k++)
                sum += x.d_student[columns ? k * 6 + s : s * 6 + k];
            CHECK_CLOSE(sum, 0, 1e-6);
        }

        /* a row without weight is as good as absent, whatever it holds */
        y = x;
        y.n = 3;
        run_example(&y);
        const float without = y.loss;
        y = x;
        y.weight[3] = 0;
        for (int j = 0; j < 6; j++) y.student[18 + j] = y.teacher[18 + j] = NAN;
        run_example(&y);
        CHECK_CLOSE(y.loss, without, 0);
        for (int j = 0; j < 6; j++) CHECK_CLOSE(y.d_student[18 + j], 0, 0);

        memset(y.weight, 0, sizeof y.weight);
        run_example(&y);
        CHECK_CLOSE(y.loss, 0, 0);
        for (int i = 0; i < 24; i++) CHECK_CLOSE(y.d_student[i], 0, 0);
    }

    /* Logits of +-1000 neither overflow nor lose the small loss of a student that is right: what is
     * left is the entropy, here by the definition. */
    y = x;
    y.options = (struct soft_target_loss_options){0.001f, 0.001f, 1, 0, 0};
    memcpy(y.student, y.teacher, sizeof y.student);
    run_example(&y);
    double entropy = 0;
    for (int i = 0; i < 4; i++) {
        double sum = 0, largest = -INFINITY;
        for (int j = 0; j < 6; j++) largest = fmax(largest, y.teacher[i * 6 + j]);
        for (int j = 0; j < 6; j++) sum += exp((y.teacher[i * 6 + j] - largest) / 0.001);
        for (int j = 0; j < 6; j++) {
            const double z = (y.teacher[i * 6 + j] - largest) / 0.001;
            entropy -= 0.25 * exp(z) / sum * (z - log(sum));
        }
    }
    CHECK_CLOSE(y.loss, entropy, 1e-3 * entropy); /* logits of 1000 are rounded to 3e-5 */
}

int main(int argc, char **argv) {
    op_harness_begin(argc, argv);
    run_shape(1, 1);
    run_shape(3, 5);
    run_shape(16, 16);
    run_shape(17, 255);
    run_shape(64, 257);
    run_shape(2001, 3);
    run_shape(65537, 2);
    run_far_below();
    test_zscl();
    test_zscl_golden();
    test_consistency();
    test_properties();

    const struct soft_target_loss_options cold = {0, 1, 1, 0, 0}, warm = {1, 1, 1, 0, 0};
    struct op_harness_case c = make(3, 4, &cold);
    op_harness_refuse(&c, "temperatures; expected above 0");
    c = make(3, 4, &warm);
    c.in[TEACHER] = op_harness_f32(3, 5, 0, 0);
    op_harness_refuse(&c, "teacher; expected 12 float numbers, found 15");
    return op_harness_report();
}
