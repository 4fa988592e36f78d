#include "tests/ops/op_harness.h"

#include "models/backend.h"
#include "pipeline/base/clock.h"
#include "tests/check.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 256, SAMPLES = 40 };

/* All operands of one call. */
struct memory {
    struct buffer buffer; /* data: the block */
    struct op_call call;
    uint64_t writes; /* slots that the call writes */
};

/* A case while it is tested. */
struct trial {
    const struct op_harness_case *c;
    struct random random;
    uint64_t seed;
    int number;
    struct op_call shaped; /* after shape: tensors and options, no memory */
    struct memory forward; /* inputs, and what the reference made of them */
    struct memory device;  /* what the device made of them; no memory without a device */
    float *d_out[OP_OUTPUTS];
    float *d_in[OP_INPUTS]; /* the reference's gradients, all wanted together */
    float *old[OP_INPUTS];  /* random numbers to which gradients are added */
};

static int case_number;

static uint64_t seed(void) {
    const char *text = getenv("SAPWOOD_TEST_SEED");
    return text ? strtoull(text, NULL, 10) : 1;
}

__attribute__((format(printf, 3, 4))) static bool expect(bool good, const struct trial *t,
                                                         const char *format, ...) {
    char what[512], title[512], command[512];
    va_list list;
    va_start(list, format);
    vsnprintf(what, sizeof what, format, list);
    va_end(list);
    op_harness_title(title, sizeof title, t->c, t->number);
    op_harness_command(command, sizeof command, t->number);
    char text[2048];
    snprintf(text, sizeof text, "%s: %s; repeat with: %s", title, what, command);
    return check_true(good, __FILE__, __LINE__, text);
}

static double or_default(double value, double otherwise) {
    return value > 0 ? value : otherwise;
}

static void expect_near(const struct trial *t, const float *a, const float *b, int64_t n,
                        double tolerance, const char *what) {
    double difference = 0, size = 0, largest = -1;
    int64_t worst = 0;
    for (int64_t i = 0; i < n; i++) {
        const double d = fabs((double)a[i] - b[i]);
        difference += d * d;
        size += (double)b[i] * b[i];
        if (!(d <= largest)) {
            largest = d;
            worst = i;
        }
        if (isnan(d)) break;
    }
    const double floor = or_default(t->c->floor, 1e-3) * sqrt((double)n);
    const double found = sqrt(difference) / fmax(sqrt(size), floor);
    expect(found <= tolerance, t,
           "%s: relative difference %.3g, expected at most %.3g; worst at %" PRId64
           ": %.9g, expected %.9g",
           what, found, tolerance, worst, (double)a[worst], (double)b[worst]);
}

/* Lays out the present operands of m->call, filled with 0xff. */
static void memory_init(struct memory *m) {
    int64_t end = GUARD;
    for (int s = 0; s < OP_SLOTS; s++) {
        struct op_operand *o = &m->call.slot[s];
        if (!o->buffer || o->offset) continue; /* an offset: the same memory as another's */
        o->offset = end;
        end = (end + tensor_bytes(&o->tensor) + GUARD + 255) / 256 * 256;
    }
    m->buffer = (struct buffer){.bytes = end, .data = malloc((size_t)end)};
    CHECK(m->buffer.data);
    memset(m->buffer.data, 0xff, (size_t)end);
    for (int i = 0; i < OP_OUTPUTS && m->call.direction == OP_FORWARD; i++) {
        if (m->call.slot[OP_OUT + i].offset >= 0) continue;
        m->call.slot[OP_OUT + i].offset = m->call.slot[-m->call.slot[OP_OUT + i].offset - 1].offset;
    }
    for (int s = 0; s < OP_SLOTS; s++) {
        struct op_operand *o = &m->call.slot[s];
        if (!o->buffer) continue;
        o->buffer = &m->buffer;
        o->data = (char *)m->buffer.data + o->offset;
    }
}

static void memory_release(struct memory *m) {
    free(m->buffer.data);
    m->buffer.data = NULL;
}

static void present(struct memory *m, int slot, struct tensor tensor) {
    m->call.slot[slot].tensor = tensor;
    if (tensor_elements(&tensor) > 0) m->call.slot[slot].buffer = &m->buffer;
}

static void add_scratch(struct memory *m, const struct op *op) {
    const int64_t bytes = op->scratch_bytes ? op->scratch_bytes(&m->call) : 0;
    if (bytes <= 0) return;
    present(m, OP_SCRATCH, tensor_make(TENSOR_U8, 1, &bytes));
    m->writes |= UINT64_C(1) << OP_SCRATCH;
}

/* After a call, all bytes outside the written operands must be as before. */
static void expect_untouched(const struct trial *t, const struct memory *m, const char *before,
                             const char *what) {
    const char *now = m->buffer.data;
    int64_t at = 0;
    while (at < m->buffer.bytes) {
        int64_t next = m->buffer.bytes, after = m->buffer.bytes;
        for (int s = 0; s < OP_SLOTS; s++) {
            const struct op_operand *o = &m->call.slot[s];
            if (!o->buffer || !(m->writes >> s & 1) || o->offset < at || o->offset >= next)
                continue;
            next = o->offset;
            after = o->offset + tensor_bytes(&o->tensor);
        }
        int64_t i = at;
        while (i < next && now[i] == before[i]) i++;
        int slot = -1;
        for (int s = 0; s < OP_SLOTS; s++)
            if (m->call.slot[s].buffer && m->call.slot[s].offset <= i + GUARD) slot = s;
        expect(i == next, t, "%s: wrote outside its operands, near slot %d (byte %" PRId64 ")",
               what, slot, i - (slot < 0 ? 0 : m->call.slot[slot].offset));
        if (i < next) return;
        at = after;
    }
}

enum way { FAST, REFERENCE, DEVICE };
static const char *const way_names[] = {"fast path", "reference", "device"};

/* Runs the call of m and checks the guards; false: there is no device for it. */
static bool run(const struct trial *t, struct memory *m, enum way way, const char *what) {
    const struct op *op = t->c->op;
    char *before = malloc((size_t)m->buffer.bytes), text[128];
    CHECK(before);
    memcpy(before, m->buffer.data, (size_t)m->buffer.bytes);
    snprintf(text, sizeof text, "%s of %s", way_names[way], what);
    int done = 1;
    if (way == DEVICE) {
        struct error e = {0};
        done = op_harness_device_run(&m->call, op_harness_traits(t->c), m->buffer.data,
                                     m->buffer.bytes, &e);
        expect(done >= 0, t, "%s: %s", text, e.text);
    } else if (m->call.direction == OP_FORWARD) {
        (way == REFERENCE && op->forward_reference ? op->forward_reference : op->forward)(&m->call);
    } else {
        (way == REFERENCE && op->backward_reference ? op->backward_reference
                                                    : op->backward)(&m->call);
    }
    if (done > 0) expect_untouched(t, m, before, text);
    free(before);
    return done > 0;
}

static void forward_init(struct memory *m, const struct trial *t) {
    *m = (struct memory){.call = t->shaped};
    m->call.direction = OP_FORWARD;
    for (int s = 0; s < OP_SLOTS; s++) m->call.slot[s].buffer = NULL;
    for (int i = 0; i < OP_INPUTS; i++)
        if (t->c->in[i].is_present) present(m, OP_IN + i, t->c->in[i].tensor);
    for (uint32_t i = 0; i < t->c->op->n_outputs; i++) {
        present(m, OP_OUT + (int)i, t->shaped.slot[OP_OUT + i].tensor);
        if (t->c->in_place[i]) m->call.slot[OP_OUT + i].offset = -t->c->in_place[i];
        m->writes |= UINT64_C(1) << (OP_OUT + i);
        if (t->c->in_place[i]) m->writes |= UINT64_C(1) << (OP_IN + t->c->in_place[i] - 1);
    }
    for (uint32_t i = 0; i < t->c->op->n_saved; i++) {
        present(m, OP_SAVE + (int)i, t->shaped.slot[OP_SAVE + i].tensor);
        m->writes |= UINT64_C(1) << (OP_SAVE + i);
    }
    add_scratch(m, t->c->op);
    memory_init(m);
}

static void copy_slot(struct memory *to, const struct memory *from, int slot) {
    if (to->call.slot[slot].buffer)
        memcpy(to->call.slot[slot].data, from->call.slot[slot].data,
               (size_t)tensor_bytes(&to->call.slot[slot].tensor));
}

/* Compares what two runs of the same call wrote. */
static void expect_same_results(const struct trial *t, const struct memory *a,
                                const struct memory *b, enum way way, const char *what) {
    const double fast = or_default(t->c->tolerance, 1e-5);
    const double tolerance = way == DEVICE ? or_default(t->c->device_tolerance, fast) : fast;
    for (int s = 0; s < OP_SCRATCH; s++) {
        const struct op_operand *x = &a->call.slot[s], *y = &b->call.slot[s];
        if (!(a->writes >> s & 1) || !x->buffer) continue;
        char text[128];
        snprintf(text, sizeof text, "%s of %s, slot %d", way_names[way], what, s);
        if (x->tensor.type == TENSOR_F32)
            expect_near(t, x->data, y->data, tensor_elements(&x->tensor), tolerance, text);
        else
            expect(!memcmp(x->data, y->data, (size_t)tensor_bytes(&x->tensor)), t,
                   "%s: other numbers than the reference", text);
    }
}

static void test_forward(struct trial *t) {
    const struct op_harness_case *c = t->c;
    forward_init(&t->forward, t);
    for (int i = 0; i < OP_INPUTS; i++)
        if (c->in[i].is_present)
            op_harness_fill_input(&c->in[i], t->forward.call.slot[OP_IN + i].data, &t->random);
    struct memory start = t->forward, other;
    start.buffer.data = malloc((size_t)start.buffer.bytes);
    CHECK(start.buffer.data);
    memcpy(start.buffer.data, t->forward.buffer.data, (size_t)start.buffer.bytes);

    run(t, &t->forward, REFERENCE, "forward");
    for (enum way way = FAST; way <= DEVICE; way++) {
        if (way == REFERENCE || (way == FAST && !c->op->forward_reference)) continue;
        forward_init(&other, t);
        memcpy(other.buffer.data, start.buffer.data, (size_t)other.buffer.bytes);
        const bool done = run(t, &other, way, "forward");
        if (done) expect_same_results(t, &other, &t->forward, way, "forward");
        if (done && way == DEVICE)
            t->device = other;
        else
            memory_release(&other);
    }
    for (int i = 0; i < OP_OUTPUTS; i++) {
        const struct op_operand *o = &t->forward.call.slot[OP_OUT + i];
        if (!o->buffer) continue;
        if (c->expected_out[i])
            expect_near(t, o->data, c->expected_out[i], tensor_elements(&o->tensor),
                        or_default(c->expected_tolerance, or_default(c->tolerance, 1e-5)),
                        "forward against outside values");
        if (o->tensor.type == TENSOR_F32) /* fully written: no NaN is left */
            expect_near(t, o->data, o->data, tensor_elements(&o->tensor), 0, "forward");
    }
    if (c->op->flops) expect(c->op->flops(&t->forward.call) >= 0, t, "flops of forward");
    free(start.buffer.data);
}

static void backward_init(struct memory *m, const struct trial *t, uint32_t wanted,
                          uint32_t accumulate) {
    const struct op *op = t->c->op;
    struct op_call forward = t->forward.call;
    for (int i = 0; i < OP_INPUTS; i++)
        if (wanted >> i & 1) forward.slot[OP_D_IN + i] = forward.slot[OP_IN + i];
    const uint64_t reads = op->backward_reads(&forward, wanted);
    *m = (struct memory){.call = t->shaped};
    m->call.direction = OP_BACKWARD;
    m->call.accumulate = accumulate;
    for (int s = 0; s < OP_SLOTS; s++) m->call.slot[s].buffer = NULL;
    for (int s = 0; s < OP_D_OUT; s++)
        if ((reads >> s & 1) && t->forward.call.slot[s].buffer)
            present(m, s, t->forward.call.slot[s].tensor);
    for (uint32_t i = 0; i < op->n_outputs; i++)
        present(m, OP_D_OUT + (int)i, t->shaped.slot[OP_OUT + i].tensor);
    for (int i = 0; i < OP_INPUTS; i++) {
        if (!(wanted >> i & 1)) continue;
        present(m, OP_D_IN + i, t->c->in[i].tensor);
        m->writes |= UINT64_C(1) << (OP_D_IN + i);
    }
    add_scratch(m, op);
    memory_init(m);
    for (int s = 0; s < OP_D_OUT; s++) copy_slot(m, &t->forward, s);
    for (uint32_t i = 0; i < op->n_outputs; i++)
        memcpy(m->call.slot[OP_D_OUT + i].data, t->d_out[i],
               (size_t)tensor_bytes(&m->call.slot[OP_D_OUT + i].tensor));
    for (int i = 0; i < OP_INPUTS; i++)
        if (accumulate >> i & 1)
            memcpy(m->call.slot[OP_D_IN + i].data, t->old[i],
                   (size_t)tensor_bytes(&m->call.slot[OP_D_IN + i].tensor));
}

static void test_backward(const struct trial *t, uint32_t wanted, uint32_t accumulate) {
    const struct op_harness_case *c = t->c;
    for (enum way way = FAST; way <= DEVICE; way++) {
        struct memory m;
        char what[96];
        if (way == FAST && !c->op->backward_reference) continue;
        backward_init(&m, t, wanted, accumulate);
        /* As in a run, where backward reads what the same device saved. */
        for (int s = 0; way == DEVICE && t->device.buffer.data && s < OP_D_OUT; s++)
            copy_slot(&m, &t->device, s);
        snprintf(what, sizeof what, "backward (wanted 0x%x, accumulate 0x%x)", wanted, accumulate);
        const bool done = run(t, &m, way, what);
        for (int i = 0; done && i < OP_INPUTS; i++) {
            if (!(wanted >> i & 1)) continue;
            const int64_t n = tensor_elements(&c->in[i].tensor);
            const float *found = m.call.slot[OP_D_IN + i].data;
            const double fast = or_default(c->tolerance, 1e-5);
            float *expected = malloc((size_t)n * sizeof *expected);
            CHECK(expected);
            for (int64_t k = 0; k < n; k++)
                expected[k] = t->d_in[i][k] + (accumulate >> i & 1 ? t->old[i][k] : 0);
            char text[192];
            snprintf(text, sizeof text, "%s of %s, gradient %d", way_names[way], what, i);
            expect_near(t, found, expected, n,
                        way == DEVICE ? or_default(c->device_tolerance, fast) : fast, text);
            free(expected);
        }
        if (c->op->flops) expect(c->op->flops(&m.call) >= 0, t, "flops of backward");
        memory_release(&m);
    }
}

/* sum(d_out (out_a - out_b)): differences first, so that what does not change cancels exactly. */
static double weighed_difference(const struct trial *t, float *const *a, float *const *b) {
    double sum = 0;
    for (uint32_t o = 0; o < t->c->op->n_outputs; o++) {
        const int64_t n = tensor_elements(&t->shaped.slot[OP_OUT + o].tensor);
        for (int64_t i = 0; i < n; i++) sum += (double)t->d_out[o][i] * ((double)a[o][i] - b[o][i]);
    }
    return sum;
}

/* Fourth-order central differences of the reference at up to SAMPLES elements. With step 0.03 and
 * numbers near 1 the rounding of fp32 outputs gives about 1e-5 and the fifth derivative about
 * 1e-6 times its size; 2e-3 leaves room for long sums and steep functions, and a wrong factor or
 * a missing term is far above it. */
static void test_differences(struct trial *t, int input) {
    const struct op_harness_case *c = t->c;
    const struct op *op = c->op;
    const int64_t n = tensor_elements(&c->in[input].tensor);
    const double step = or_default(c->in[input].step, 0.03);
    float *x = t->forward.call.slot[OP_IN + input].data;
    float *plus[OP_OUTPUTS] = {0}, *minus[OP_OUTPUTS] = {0};
    double difference = 0, size = 0, d_out_size = 0;
    struct memory m;
    forward_init(&m, t);
    memcpy(m.buffer.data, t->forward.buffer.data, (size_t)m.buffer.bytes);
    x = m.call.slot[OP_IN + input].data;
    for (uint32_t o = 0; o < op->n_outputs; o++) {
        const int64_t elements = tensor_elements(&t->shaped.slot[OP_OUT + o].tensor);
        plus[o] = malloc((size_t)elements * sizeof(float));
        minus[o] = malloc((size_t)elements * sizeof(float));
        CHECK(plus[o] && minus[o]);
        for (int64_t i = 0; i < elements; i++)
            d_out_size += (double)t->d_out[o][i] * t->d_out[o][i];
    }
    int64_t worst = 0;
    double worst_difference = -1, worst_found = 0;
    const int64_t samples = n < SAMPLES ? n : SAMPLES;
    for (int64_t s = 0; s < samples; s++) {
        const int64_t i =
            (int64_t)random_permute(t->seed, (uint64_t)t->number, 0, (uint64_t)s, (uint64_t)n);
        const float kept = x[i];
        double slope = 0;
        for (int k = 1; k <= 2; k++) {
            const float high = (float)(kept + k * step), low = (float)(kept - k * step);
            float *const *sides[] = {plus, minus};
            for (int side = 0; side < 2; side++) {
                x[i] = side ? low : high;
                (op->forward_reference ? op->forward_reference : op->forward)(&m.call);
                for (uint32_t o = 0; o < op->n_outputs; o++)
                    memcpy(sides[side][o], m.call.slot[OP_OUT + o].data,
                           (size_t)tensor_bytes(&m.call.slot[OP_OUT + o].tensor));
            }
            slope += (k == 1 ? 4.0 / 3 : -1.0 / 3) * weighed_difference(t, plus, minus) /
                     ((double)high - low);
        }
        x[i] = kept;
        const double found = t->d_in[input][i], d = fabs(found - slope);
        difference += d * d;
        size += slope * slope;
        if (!(d <= worst_difference)) {
            worst_difference = d;
            worst_found = slope;
            worst = i;
        }
    }
    /* Gradients that are zero in exact arithmetic: 1e-4 of the output gradient counts as zero. */
    const double floor =
        fmax(or_default(c->floor, 1e-3) * sqrt((double)samples), 1e-4 * sqrt(d_out_size));
    const double found = sqrt(difference) / fmax(sqrt(size), floor);
    expect(found <= or_default(c->difference_tolerance, 2e-3), t,
           "gradient %d: relative difference %.3g to central differences; worst at %" PRId64
           ": %.6g, differences give %.6g",
           input, found, worst, (double)t->d_in[input][worst], worst_found);
    for (int o = 0; o < OP_OUTPUTS; o++) {
        free(plus[o]);
        free(minus[o]);
    }
    memory_release(&m);
}

static void fill_random(float **out, const struct tensor *tensor, const float *values,
                        struct random *r) {
    const int64_t n = tensor_elements(tensor);
    *out = malloc((size_t)n * sizeof **out);
    CHECK(*out);
    for (int64_t i = 0; i < n; i++) (*out)[i] = values ? values[i] : random_normal(r);
}

static void test_gradients(struct trial *t) {
    const struct op_harness_case *c = t->c;
    for (uint32_t o = 0; o < c->op->n_outputs; o++)
        fill_random(&t->d_out[o], &t->shaped.slot[OP_OUT + o].tensor, c->d_out[o], &t->random);
    struct memory m;
    backward_init(&m, t, c->wants, 0);
    run(t, &m, REFERENCE, "backward");
    for (int i = 0; i < OP_INPUTS; i++) {
        if (!(c->wants >> i & 1)) continue;
        CHECK(c->op->differentiable >> i & 1);
        fill_random(&t->old[i], &c->in[i].tensor, NULL, &t->random);
        fill_random(&t->d_in[i], &c->in[i].tensor, m.call.slot[OP_D_IN + i].data, NULL);
    }
    memory_release(&m);
    test_backward(t, c->wants, 0);
    test_backward(t, c->wants, c->wants);
    for (uint32_t i = 0; i < OP_INPUTS && (c->wants & (c->wants - 1)); i++) {
        if (!(c->wants >> i & 1)) continue;
        test_backward(t, 1u << i, 0);
        test_backward(t, c->wants, 1u << i);
    }
    for (int i = 0; i < OP_INPUTS; i++) {
        if (!(c->wants >> i & 1)) continue;
        test_differences(t, i);
        if (c->expected_d_in[i])
            expect_near(t, t->d_in[i], c->expected_d_in[i], tensor_elements(&c->in[i].tensor),
                        or_default(c->expected_tolerance, or_default(c->tolerance, 1e-5)),
                        "gradient against outside values");
    }
}

static enum status shape(struct trial *t, const struct op_harness_case *c, struct error *e) {
    static struct buffer somewhere;
    *t = (struct trial){.c = c, .seed = seed(), .number = case_number};
    t->random = random_begin(t->seed, RANDOM_TEST, c->id, (uint64_t)t->number);
    t->shaped.op = c->id;
    CHECK(c->options_bytes <= OP_OPTION_BYTES);
    if (c->options) memcpy(t->shaped.options, c->options, c->options_bytes);
    for (int i = 0; i < OP_INPUTS; i++) {
        if (!c->in[i].is_present) continue;
        t->shaped.slot[OP_IN + i].tensor = c->in[i].tensor;
        t->shaped.slot[OP_IN + i].buffer = &somewhere;
    }
    return c->op->shape(&t->shaped, e);
}

static void trial_release(struct trial *t) {
    memory_release(&t->forward);
    memory_release(&t->device);
    for (int i = 0; i < OP_OUTPUTS; i++) free(t->d_out[i]);
    for (int i = 0; i < OP_INPUTS; i++) {
        free(t->d_in[i]);
        free(t->old[i]);
    }
}

void op_harness_run(const struct op_harness_case *c) {
    struct trial t;
    struct error e = {0};
    if (!op_harness_takes(c, ++case_number, OP_HARNESS_TEST)) return;
    if (!expect(shape(&t, c, &e) == STATUS_OK, &t, "shape: %s", e.text)) return;
    test_forward(&t);
    if (c->wants) test_gradients(&t);
    trial_release(&t);
}

/* Best time of one call of m on the CPU or the device, in milliseconds; 0: not there. */
static double best_ms(const struct trial *t, struct memory *m, enum way way) {
    const struct op *op = t->c->op;
    struct error e = {0};
    if (way == DEVICE) {
        const double ms = op_harness_device_time(&m->call, op_harness_traits(t->c),
                                                 m->buffer.data, m->buffer.bytes, &e);
        expect(ms >= 0, t, "device: %s", e.text);
        return ms;
    }
    double best = INFINITY;
    const double end = clock_seconds() + OP_HARNESS_PERF_SECONDS;
    for (int i = 0; i < OP_HARNESS_PERF_RUNS || clock_seconds() < end; i++) {
        const double start = clock_seconds();
        (m->call.direction == OP_FORWARD ? op->forward : op->backward)(&m->call);
        best = fmin(best, clock_seconds() - start);
    }
    return 1000 * best;
}

static void time_call(const struct trial *t, struct memory *m, const char *what) {
    const double flops = t->c->op->flops ? t->c->op->flops(&m->call) : 0;
    const double bytes = op_bytes(&m->call);
    for (enum way way = FAST; way <= DEVICE; way++) {
        const double ms = way == REFERENCE ? 0 : best_ms(t, m, way);
        if (ms > 0)
            printf("%4d  %-8s %-6s  %10.3f ms  %8.2f GFLOP/s  %8.2f GB/s\n", t->number, what,
                   way == FAST ? "cpu" : "device", ms, flops / ms * 1e-6, bytes / ms * 1e-6);
    }
}

void op_harness_perf(const struct op_harness_case *c) {
    struct trial t;
    struct error e = {0};
    if (!op_harness_takes(c, ++case_number, OP_HARNESS_PERF)) return;
    if (!expect(shape(&t, c, &e) == STATUS_OK, &t, "shape: %s", e.text)) return;
    char title[512];
    op_harness_title(title, sizeof title, c, t.number);
    puts(title);
    forward_init(&t.forward, &t);
    for (int i = 0; i < OP_INPUTS; i++)
        if (c->in[i].is_present)
            op_harness_fill_input(&c->in[i], t.forward.call.slot[OP_IN + i].data, &t.random);
    time_call(&t, &t.forward, "forward");
    struct memory m;
    for (uint32_t o = 0; o < c->op->n_outputs && c->wants; o++)
        fill_random(&t.d_out[o], &t.shaped.slot[OP_OUT + o].tensor, c->d_out[o], &t.random);
    if (c->wants) {
        backward_init(&m, &t, c->wants, 0);
        time_call(&t, &m, "backward");
        memory_release(&m);
    }
    trial_release(&t);
}

void op_harness_refuse(const struct op_harness_case *c, const char *words) {
    struct trial t;
    struct error e = {0};
    if (!op_harness_takes(c, ++case_number, OP_HARNESS_TEST)) return;
    const enum status status = shape(&t, c, &e);
    expect(status == STATUS_BAD_ARG, &t, "shape accepted a wrong call; expected '%s'", words);
    if (status != STATUS_OK)
        expect(strstr(e.text, words) != NULL, &t, "shape says '%s', expected '%s'", e.text, words);
}

int op_harness_report(void) {
    if (op_harness_is_list()) return 0;
    CHECK_EQUAL(op_harness_device_close(), 0);
    op_harness_finish(case_number);
    const int status = check_report();
    return status == 0 && op_harness_device_missing() ? 77 : status;
}
