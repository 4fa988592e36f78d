#include "pipeline/eval/linear_probe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/ops/matmul.h"
#include "pipeline/base/log.h"
#include "pipeline/base/stop.h"
#include "pipeline/base/thread.h"
#include "pipeline/eval/similarity.h"

enum { BLOCK = 256, GROUPS = 16, MEMORY = 10, ITERATIONS = 1000, HALVINGS = 30 };
static const double gradient_enough = 1e-6, decrease_enough = 1e-10, armijo = 1e-4;

/* Rows that one thread sums, block after block. */
struct group {
    int64_t begin, end;
    float *logits;   /* (BLOCK, K), then its gradient */
    float *gradient; /* (K, D) */
    double *bias;    /* (K) gradient */
    double loss;
};

struct problem {
    const float *rows;  /* (n, width): the samples that have a label */
    const int32_t *labels;
    int64_t n, width, n_classes, n_values; /* K (D + 1) */
    double l2;
    struct thread_pool *pool;
    struct group group[GROUPS];
    float *weights; /* (K, D) */
    const double *at; /* (K, D), then (K): the point at which to compute the loss */
};

static void sum_block(const struct problem *p, struct group *g, int64_t first, int64_t n) {
    const int64_t k = p->n_classes, d = p->width;
    const float *rows = p->rows + first * d;
    const double *bias = p->at + k * d;
    matmul(&(struct matmul){.m = n,
                            .n = k,
                            .k = d,
                            .a = rows,
                            .b = p->weights,
                            .b_transposed = true,
                            .c = g->logits,
                            .alpha = 1});
    for (int64_t i = 0; i < n; i++) {
        float *row = g->logits + i * k;
        const int32_t label = p->labels[first + i];
        double highest = -INFINITY, sum = 0;
        for (int64_t c = 0; c < k; c++) {
            const double logit = (double)row[c] + bias[c];
            row[c] = (float)logit;
            if (logit > highest) highest = logit;
        }
        const double own = (double)row[label];
        for (int64_t c = 0; c < k; c++) {
            const double share = exp((double)row[c] - highest);
            row[c] = (float)share;
            sum += share;
        }
        g->loss += log(sum) + highest - own;
        for (int64_t c = 0; c < k; c++) {
            const double probability = (double)row[c] / sum - (c == label ? 1 : 0);
            row[c] = (float)probability;
            g->bias[c] += probability;
        }
    }
    matmul(&(struct matmul){.m = k,
                            .n = d,
                            .k = n,
                            .a = g->logits,
                            .a_transposed = true,
                            .b = rows,
                            .c = g->gradient,
                            .alpha = 1,
                            .beta = first > g->begin ? 1 : 0});
}

static void sum_group(void *context, int64_t item, int worker) {
    struct problem *p = context;
    struct group *g = &p->group[item];
    (void)worker;
    g->loss = 0;
    memset(g->bias, 0, (size_t)p->n_classes * sizeof *g->bias);
    for (int64_t at = g->begin; at < g->end; at += BLOCK)
        sum_block(p, g, at, g->end - at < BLOCK ? g->end - at : BLOCK);
}

/* Computes the loss at x and its gradient. */
static double evaluate(struct problem *p, const double *x, double *gradient) {
    const int64_t k = p->n_classes, kd = k * p->width;
    const double n = (double)p->n;
    double loss = 0, squares = 0;
    p->at = x;
    for (int64_t i = 0; i < kd; i++) p->weights[i] = (float)x[i];
    thread_pool_run(p->pool, GROUPS, sum_group, p);
    for (int64_t i = 0; i < kd; i++) {
        gradient[i] = p->l2 * x[i];
        squares += x[i] * x[i];
    }
    memset(gradient + kd, 0, (size_t)k * sizeof *gradient);
    for (int g = 0; g < GROUPS; g++) {
        const struct group *from = &p->group[g];
        if (from->begin == from->end) continue;
        loss += from->loss;
        for (int64_t i = 0; i < kd; i++) gradient[i] += (double)from->gradient[i];
        for (int64_t c = 0; c < k; c++) gradient[kd + c] += from->bias[c];
    }
    for (int64_t i = 0; i < p->n_values; i++) gradient[i] /= n;
    return (loss + p->l2 / 2 * squares) / n;
}

/* --- L-BFGS --- */

static double dot(const double *a, const double *b, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

static double largest(const double *a, int64_t n) {
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        if (!(fabs(a[i]) <= most)) most = fabs(a[i]);
    return most;
}

/* The last n_kept steps and changes of the gradient, in a ring. */
struct history {
    double *step[MEMORY], *change[MEMORY], curvature[MEMORY];
    int n_kept, next;
};

/* direction = - (inverse Hessian as the history has it) gradient: the two-loop recursion. */
static void find_direction(double *direction, const double *gradient, const struct history *h,
                           int64_t n) {
    double alpha[MEMORY];
    for (int64_t i = 0; i < n; i++) direction[i] = -gradient[i];
    for (int k = 0; k < h->n_kept; k++) {
        const int at = (h->next - 1 - k + 2 * MEMORY) % MEMORY;
        alpha[at] = dot(h->step[at], direction, n) / h->curvature[at];
        for (int64_t i = 0; i < n; i++) direction[i] -= alpha[at] * h->change[at][i];
    }
    if (h->n_kept > 0) {
        const int last = (h->next - 1 + MEMORY) % MEMORY;
        const double scale = h->curvature[last] / dot(h->change[last], h->change[last], n);
        for (int64_t i = 0; i < n; i++) direction[i] *= scale;
    }
    for (int k = h->n_kept - 1; k >= 0; k--) {
        const int at = (h->next - 1 - k + 2 * MEMORY) % MEMORY;
        const double beta = dot(h->change[at], direction, n) / h->curvature[at];
        for (int64_t i = 0; i < n; i++) direction[i] += (alpha[at] - beta) * h->step[at][i];
    }
}

/* Moves x (n_values) to the minimum. scratch: 4 + 2 MEMORY vectors. */
static enum status minimise(struct problem *p, double *x, double *scratch, struct error *e) {
    enum status rc = STATUS_OK;
    const int64_t n = p->n_values;
    struct history h = {.n_kept = 0};
    double *gradient = scratch, *direction = gradient + n, *new_x = direction + n,
           *new_gradient = new_x + n;
    for (int k = 0; k < MEMORY; k++) {
        h.step[k] = scratch + (4 + 2 * k) * n;
        h.change[k] = h.step[k] + n;
    }
    double loss = evaluate(p, x, gradient);
    for (int i = 0; i < ITERATIONS && largest(gradient, n) > gradient_enough; i++) {
        TRY(stop_check("linear probe", e));
        find_direction(direction, gradient, &h, n);
        const double slope = dot(gradient, direction, n);
        double length = h.n_kept ? 1 : 1 / (largest(gradient, n) + 1), new_loss = 0;
        int halvings = 0;
        for (; halvings < HALVINGS; halvings++, length /= 2) {
            for (int64_t k = 0; k < n; k++) new_x[k] = x[k] + length * direction[k];
            new_loss = evaluate(p, new_x, new_gradient);
            if (new_loss <= loss + armijo * length * slope) break;
        }
        if (halvings == HALVINGS) break; /* as low as the precision allows */
        double *step = h.step[h.next], *change = h.change[h.next];
        for (int64_t k = 0; k < n; k++) {
            step[k] = new_x[k] - x[k];
            change[k] = new_gradient[k] - gradient[k];
        }
        h.curvature[h.next] = dot(step, change, n);
        if (h.curvature[h.next] > 1e-12 * dot(change, change, n)) {
            h.next = (h.next + 1) % MEMORY;
            if (h.n_kept < MEMORY) h.n_kept++;
        }
        memcpy(x, new_x, (size_t)n * sizeof *x);
        memcpy(gradient, new_gradient, (size_t)n * sizeof *x);
        const bool is_flat = loss - new_loss <= decrease_enough * (fabs(loss) + 1e-3);
        loss = new_loss;
        if (is_flat) break;
    }
done:
    return rc;
}

/* --- Samples --- */

static void problem_release(struct problem *p) {
    for (int g = 0; g < GROUPS; g++) {
        free(p->group[g].logits);
        free(p->group[g].gradient);
        free(p->group[g].bias);
    }
    free(p->weights);
    free((void *)p->rows);
    free((void *)p->labels);
    thread_pool_destroy(&p->pool);
}

/* Whether the i-th sample with a label is held out. */
static bool is_held_out(int64_t i) {
    return i % 5 == 4;
}

/* Takes the samples with a label; with is_part only those not held out. */
static enum status problem_init(struct problem *p, const struct linear_probe_set *s, bool is_part,
                                int n_threads, struct error *e) {
    enum status rc = STATUS_OK;
    const size_t k = (size_t)s->n_classes, d = (size_t)s->width;
    float *rows = malloc((size_t)s->n * d * sizeof *rows + 1);
    int32_t *labels = malloc((size_t)s->n * sizeof *labels + 1);
    int64_t n_labelled = 0;
    *p = (struct problem){.rows = rows, .labels = labels, .width = s->width};
    p->n_classes = s->n_classes;
    p->n_values = (int64_t)(k * (d + 1));
    p->weights = malloc(k * d * sizeof *p->weights);
    bool has_memory = rows && labels && p->weights;
    for (int g = 0; g < GROUPS; g++) {
        struct group *own = &p->group[g];
        own->logits = malloc(BLOCK * k * sizeof *own->logits);
        own->gradient = malloc(k * d * sizeof *own->gradient);
        own->bias = malloc(k * sizeof *own->bias);
        has_memory = has_memory && own->logits && own->gradient && own->bias;
    }
    if (!has_memory) TRY(fail(e, STATUS_NO_MEMORY, "linear probe: no memory"));
    TRY(thread_pool_create(&p->pool, n_threads, e));
    for (int64_t i = 0; i < s->n; i++) {
        if (s->labels[i] < 0 || (is_held_out(n_labelled++) && is_part)) continue;
        CHECK(s->labels[i] < s->n_classes);
        memcpy(rows + p->n * s->width, s->features + i * s->width, d * sizeof *rows);
        labels[p->n++] = s->labels[i];
    }
    if (p->n == 0) TRY(fail(e, STATUS_BAD_DATA, "linear probe: no picture with a label"));
    for (int g = 0; g < GROUPS; g++) {
        p->group[g].begin = p->n * g / GROUPS;
        p->group[g].end = p->n * (g + 1) / GROUPS;
    }
done:
    return rc;
}

static enum status fit(float *weights, struct problem *p, double l2, struct error *e) {
    enum status rc = STATUS_OK;
    const int64_t k = p->n_classes, d = p->width;
    double *x = calloc((size_t)p->n_values, sizeof *x);
    double *scratch = malloc((size_t)p->n_values * (4 + 2 * MEMORY) * sizeof *scratch);
    p->l2 = l2;
    if (!x || !scratch) TRY(fail(e, STATUS_NO_MEMORY, "linear probe: no memory"));
    TRY(minimise(p, x, scratch, e));
    for (int64_t c = 0; c < k; c++) {
        for (int64_t i = 0; i < d; i++) weights[c * (d + 1) + i] = (float)x[c * d + i];
        weights[c * (d + 1) + d] = (float)x[k * d + c];
    }
done:
    free(x);
    free(scratch);
    return rc;
}

enum status linear_probe_fit(float *weights, const struct linear_probe_set *s, double l2,
                             int n_threads, struct error *e) {
    struct problem p;
    enum status rc = problem_init(&p, s, false, n_threads, e);
    if (rc == STATUS_OK) rc = fit(weights, &p, l2, e);
    problem_release(&p);
    return rc;
}

/* --- The strength --- */

/* Number of held-out samples that a classifier gets right. */
static int64_t count_right(const float *weights, const struct linear_probe_set *s) {
    int64_t n_labelled = 0, right = 0;
    for (int64_t i = 0; i < s->n; i++) {
        if (s->labels[i] < 0 || !is_held_out(n_labelled++)) continue;
        int64_t best = 0;
        float highest = -INFINITY;
        for (int64_t c = 0; c < s->n_classes; c++) {
            const float *row = weights + c * (s->width + 1);
            const float score = similarity(s->features + i * s->width, row, s->width) +
                                row[s->width];
            if (score > highest) {
                highest = score;
                best = c;
            }
        }
        right += best == s->labels[i];
    }
    return right;
}

enum { DECADES = 12, STEPS = 8, POINTS = DECADES * STEPS + 1 };

static double strength(int point) {
    return pow(10, (double)point / STEPS - (double)DECADES / 2);
}

enum status linear_probe_seek(float *weights, double *l2, const struct linear_probe_set *s,
                              int n_threads, struct error *e) {
    enum status rc = STATUS_OK;
    struct problem p;
    int64_t right[POINTS];
    int best = -1;
    for (int i = 0; i < POINTS; i++) right[i] = -1;
    TRY(problem_init(&p, s, true, n_threads, e));
    for (int step = 2 * STEPS; step > 0; step /= 2) {
        const int center = best;
        for (int i = POINTS - 1; i >= 0; i--) {
            const bool is_wanted = center < 0 ? i % step == 0 : abs(i - center) == step;
            if (!is_wanted || right[i] >= 0) continue;
            TRY(fit(weights, &p, strength(i), e));
            right[i] = count_right(weights, s);
            log_debug("linear probe: l2 %g: %lld right", strength(i), (long long)right[i]);
            if (best < 0 || right[i] > right[best] || (right[i] == right[best] && i > best))
                best = i;
        }
    }
    *l2 = strength(best);
    problem_release(&p);
    return linear_probe_fit(weights, s, *l2, n_threads, e);
done:
    problem_release(&p);
    return rc;
}
