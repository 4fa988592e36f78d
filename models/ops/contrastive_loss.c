#include "models/ops/contrastive_loss.h"

#include "models/ops/op_kernels.h"
#include "models/ops/similarity_tiles.h"

#include <math.h>

enum { U, V, LOGIT_SCALE, CAPTION_ID, USABLE };

struct pairs {
    const float *u, *v, *usable;
    const int32_t *caption_id;
    float scale;
    int64_t n, width;
    int64_t n_usable;
};

static struct pairs pairs_of(const struct op_call *c) {
    struct pairs p = {
        .u = op_f32(c, OP_IN + U),
        .v = op_f32(c, OP_IN + V),
        .usable = op_f32(c, OP_IN + USABLE),
        .caption_id = op_i32(c, OP_IN + CAPTION_ID),
        .scale = expf(op_f32(c, OP_IN + LOGIT_SCALE)[0]),
        .n = op_rows(c, OP_IN + U),
        .width = op_columns(c, OP_IN + U),
    };
    for (int64_t i = 0; i < p.n; i++) p.n_usable += p.usable[i] != 0;
    return p;
}

static enum status shape(struct op_call *c, struct error *e) {
    static const char *const names[] = {"u", "v", "logit_scale", "caption_id", "usable"};
    const struct tensor *u = op_tensor(c, OP_IN + U);
    if (u->rank != 2)
        return fail(e, STATUS_BAD_ARG, "contrastive_loss: u; expected a matrix, found rank %d",
                    u->rank);
    const int64_t n = u->shape[0], width = u->shape[1];
    const int64_t expected[] = {n * width, n * width, 1, n, n};
    for (int i = 0; i < 5; i++) {
        const struct tensor *t = op_tensor(c, OP_IN + i);
        const enum tensor_type type = i == CAPTION_ID ? TENSOR_I32 : TENSOR_F32;
        if (t->type != type || tensor_elements(t) != expected[i])
            return fail(e, STATUS_BAD_ARG,
                        "contrastive_loss: %s; expected %lld numbers of type %d, found %lld of "
                        "type %d",
                        names[i], (long long)expected[i], (int)type, (long long)tensor_elements(t),
                        (int)t->type);
    }
    c->slot[OP_OUT].tensor = tensor_make(TENSOR_F32, 0, NULL);
    c->slot[OP_SAVE].tensor = tensor_make(TENSOR_F32, 1, &n);
    c->slot[OP_SAVE + 1].tensor = tensor_make(TENSOR_F32, 1, &n);
    return STATUS_OK;
}

static uint64_t backward_reads(const struct op_call *c, uint32_t wanted) {
    (void)c, (void)wanted;
    return 0x1fu << OP_IN | 3u << OP_SAVE;
}

/* Scores of a tile of rows. Forward adds, per column, the largest score so far and the sum of
 * exponentials; the GPU, one number per row and per column. */
static int64_t scratch_bytes(const struct op_call *c) {
    return similarity_scratch(op_rows(c, OP_IN));
}

static bool is_target(const struct pairs *p, int64_t i, int64_t j) {
    return p->caption_id[i] == p->caption_id[j] && p->usable[j] != 0;
}

static int64_t count_targets(const struct pairs *p, int64_t i) {
    int64_t n = 0;
    for (int64_t j = 0; j < p->n; j++) n += is_target(p, i, j);
    return n;
}

/* Column statistics over the tiles so far. */
struct columns {
    float *max, *sum; /* of exp(score - max) */
};

/* Updates the column maxima with the scores of a tile, and rescales the sums. */
static void raise_columns(const struct pairs *p, int64_t first, const float *s, struct columns c) {
    for (int64_t i = 0; i < similarity_rows(p->n, first); i++) {
        if (p->usable[first + i] == 0) continue;
        for (int64_t j = 0; j < p->n; j++) {
            const float score = s[i * p->n + j];
            if (!(score > c.max[j])) continue;
            if (first > 0) c.sum[j] *= expf(c.max[j] - score); /* exp(-inf) is 0 */
            c.max[j] = score;
        }
    }
}

/* Returns the loss terms of a row; adds its exponentials to the columns. */
static double loss_row(const struct pairs *p, int64_t i, const float *row, float *lse,
                       struct columns c) {
    float row_max = -INFINITY;
    double row_sum = 0, own = 0;
    *lse = 0;
    if (p->usable[i] == 0) return 0;
    for (int64_t j = 0; j < p->n; j++)
        if (p->usable[j] != 0) row_max = fmaxf(row_max, row[j]);
    for (int64_t j = 0; j < p->n; j++) {
        if (p->usable[j] == 0) continue;
        row_sum += expf(row[j] - row_max);
        c.sum[j] += expf(row[j] - c.max[j]);
        /* (i, j) is a target of row i and, with the same share, of column j */
        if (p->caption_id[i] == p->caption_id[j]) own += row[j];
    }
    *lse = row_max + (float)log(row_sum);
    return row_max + log(row_sum) - 2 * own / (double)count_targets(p, i);
}

static void forward(const struct op_call *c) {
    const struct pairs p = pairs_of(c);
    const int64_t n = p.n;
    float *s = op_f32(c, OP_SCRATCH), *after = s + similarity_rows(n, 0) * n;
    float *row_lse = op_f32(c, OP_SAVE), *column_lse = op_f32(c, OP_SAVE + 1);
    const struct columns columns = {.max = after, .sum = after + n};
    double loss = 0;
    for (int64_t j = 0; j < n; j++) {
        columns.max[j] = -INFINITY;
        columns.sum[j] = 0;
    }
    for (int64_t first = 0; first < n; first += SIMILARITY_ROWS) {
        similarity_forward(c, first, p.scale, s);
        raise_columns(&p, first, s, columns);
        for (int64_t i = 0; i < similarity_rows(n, first); i++)
            loss += loss_row(&p, first + i, s + i * n, &row_lse[first + i], columns);
    }
    for (int64_t j = 0; j < n; j++) {
        column_lse[j] = 0;
        if (p.usable[j] == 0) continue;
        column_lse[j] = columns.max[j] + logf(columns.sum[j]);
        loss += columns.max[j] + log(columns.sum[j]);
    }
    *op_f32(c, OP_OUT) = p.n_usable ? (float)(loss / (2.0 * (double)p.n_usable)) : 0;
}

/* Turns row i of the scores S into row i of E; returns sum_j E[i][j] S[i][j]. */
static double error_row(const struct pairs *p, int64_t i, float *row, const float *row_lse,
                        const float *column_lse, float factor) {
    const float target = p->usable[i] != 0 ? 2.0f / (float)count_targets(p, i) : 0;
    double sum = 0;
    for (int64_t j = 0; j < p->n; j++) {
        float e = 0;
        if (p->usable[i] != 0 && p->usable[j] != 0) {
            e = expf(row[j] - row_lse[i]) + expf(row[j] - column_lse[j]);
            if (p->caption_id[i] == p->caption_id[j]) e -= target;
            e *= factor;
            sum += (double)e * row[j];
        }
        row[j] = e;
    }
    return sum;
}

static void backward(const struct op_call *c) {
    const struct pairs p = pairs_of(c);
    const int64_t n = p.n;
    const float *row_lse = op_f32(c, OP_SAVE), *column_lse = op_f32(c, OP_SAVE + 1);
    const float dloss = op_f32(c, OP_D_OUT)[0];
    const float factor = p.n_usable ? dloss / (2 * (float)p.n_usable) : 0;
    float *s = op_f32(c, OP_SCRATCH);
    double d_logit_scale = 0;
    for (int64_t first = 0; first < n; first += SIMILARITY_ROWS) {
        const int64_t rows = similarity_rows(n, first);
        similarity_forward(c, first, p.scale, s);
        for (int64_t i = 0; i < rows; i++)
            d_logit_scale += error_row(&p, first + i, s + i * n, row_lse, column_lse, factor);
        similarity_backward(c, first, p.scale, s);
    }
    if (op_wants(c, LOGIT_SCALE)) {
        float *d = op_f32(c, OP_D_IN + LOGIT_SCALE);
        *d = (float)d_logit_scale + (op_adds(c, LOGIT_SCALE) ? *d : 0);
    }
}

static double score(const struct pairs *p, int64_t i, int64_t j) {
    double dot = 0;
    for (int64_t k = 0; k < p->width; k++)
        dot += (double)p->u[i * p->width + k] * p->v[j * p->width + k];
    return p->scale * dot;
}

/* Logarithm of the sum of exponentials of the scores of sample i with the usable others. */
static double lse_of(const struct pairs *p, int64_t i, bool is_column) {
    double largest = -INFINITY, sum = 0;
    for (int64_t j = 0; j < p->n; j++)
        if (p->usable[j] != 0) largest = fmax(largest, is_column ? score(p, j, i) : score(p, i, j));
    for (int64_t j = 0; j < p->n; j++)
        if (p->usable[j] != 0) sum += exp((is_column ? score(p, j, i) : score(p, i, j)) - largest);
    return largest + log(sum);
}

static void forward_reference(const struct op_call *c) {
    const struct pairs p = pairs_of(c);
    float *row_lse = op_f32(c, OP_SAVE), *column_lse = op_f32(c, OP_SAVE + 1);
    double loss = 0;
    for (int64_t i = 0; i < p.n; i++) {
        row_lse[i] = column_lse[i] = 0;
        if (p.usable[i] == 0) continue;
        const double row = lse_of(&p, i, false), column = lse_of(&p, i, true);
        const double target = 1.0 / (double)count_targets(&p, i);
        row_lse[i] = (float)row;
        column_lse[i] = (float)column;
        loss += row + column;
        for (int64_t j = 0; j < p.n; j++)
            if (is_target(&p, i, j)) loss -= target * (score(&p, i, j) + score(&p, j, i));
    }
    *op_f32(c, OP_OUT) = p.n_usable ? (float)(loss / (2.0 * (double)p.n_usable)) : 0;
}

/* n_targets: of row i */
static double error_of(const struct pairs *p, int64_t i, int64_t j, int64_t n_targets,
                       const float *row_lse, const float *column_lse) {
    if (p->usable[i] == 0 || p->usable[j] == 0) return 0;
    const double s = score(p, i, j), target = is_target(p, i, j) ? 1 : 0;
    return (exp(s - row_lse[i]) + exp(s - column_lse[j]) -
            2 * target / (double)n_targets) /
           (2.0 * (double)p->n_usable);
}

static void backward_reference(const struct op_call *c) {
    const struct pairs p = pairs_of(c);
    const float *row_lse = op_f32(c, OP_SAVE), *column_lse = op_f32(c, OP_SAVE + 1);
    const double dloss = op_f32(c, OP_D_OUT)[0];
    double d_logit_scale = 0;
    for (int input = U; input <= V; input++)
        for (int64_t k = 0; k < p.n * p.width && op_wants(c, input) && !op_adds(c, input); k++)
            op_f32(c, OP_D_IN + input)[k] = 0;
    for (int64_t i = 0; i < p.n; i++) {
        const int64_t n_targets = count_targets(&p, i);
        for (int64_t j = 0; j < p.n; j++) {
            const double error = dloss * error_of(&p, i, j, n_targets, row_lse, column_lse);
            d_logit_scale += error * score(&p, i, j);
            for (int64_t k = 0; k < p.width && op_wants(c, U); k++)
                op_f32(c, OP_D_IN + U)[i * p.width + k] +=
                    (float)(error * p.scale * p.v[j * p.width + k]);
            for (int64_t k = 0; k < p.width && op_wants(c, V); k++)
                op_f32(c, OP_D_IN + V)[j * p.width + k] +=
                    (float)(error * p.scale * p.u[i * p.width + k]);
        }
    }
    if (op_wants(c, LOGIT_SCALE)) {
        float *d = op_f32(c, OP_D_IN + LOGIT_SCALE);
        *d = (float)(d_logit_scale + (op_adds(c, LOGIT_SCALE) ? *d : 0));
    }
}

static double flops(const struct op_call *c) {
    const double n = (double)op_rows(c, OP_IN), width = (double)op_columns(c, OP_IN);
    return n * n * (c->direction == OP_FORWARD ? 2 * width + 6 : 6 * width + 8);
}

const struct op op_contrastive_loss = {
    .name = "contrastive_loss",
    .n_inputs = 5,
    .n_outputs = 1,
    .n_saved = 2,
    .differentiable = 1u << U | 1u << V | 1u << LOGIT_SCALE,
    .shape = shape,
    .backward_reads = backward_reads,
    .scratch_bytes = scratch_bytes,
    .forward = forward,
    .backward = backward,
    .forward_reference = forward_reference,
    .backward_reference = backward_reference,
    .kernels = contrastive_loss_kernels,
    .parts = contrastive_loss_parts,
    .flops = flops,
};

int contrastive_loss_call(struct graph *g, struct contrastive_loss_inputs in) {
    return graph_call(
        g, OP_contrastive_loss,
        (int[OP_INPUTS]){in.u, in.v, in.logit_scale, in.caption_id, in.usable, GRAPH_NONE}, NULL,
        0);
}
