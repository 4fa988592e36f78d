#include "models/ops/text_tokens.h"

#include "models/ops/op_kernels.h"

#include <string.h>

enum { IDS, TABLE, POSITIONS };

static enum status shape(struct op_call *c, struct error *e) {
    const struct tensor *ids = op_tensor(c, OP_IN + IDS), *table = op_tensor(c, OP_IN + TABLE);
    const struct tensor *positions = op_tensor(c, OP_IN + POSITIONS);
    if (ids->type != TENSOR_I32 || ids->rank != 2)
        return fail(e, STATUS_BAD_ARG,
                    "text_tokens: ids; expected 32-bit integers (B, T), found type %d of rank %d",
                    (int)ids->type, ids->rank);
    if (table->type != TENSOR_F32 || table->rank != 2)
        return fail(e, STATUS_BAD_ARG,
                    "text_tokens: table; expected float numbers (V, C), found type %d of rank %d",
                    (int)table->type, table->rank);
    if (positions->type != TENSOR_F32 || positions->rank != 2 ||
        positions->shape[1] != table->shape[1])
        return fail(e, STATUS_BAD_ARG,
                    "text_tokens: positions; expected float numbers (K, %lld), found type %d of "
                    "rank %d with %lld columns",
                    (long long)table->shape[1], (int)positions->type, positions->rank,
                    (long long)positions->shape[1]);
    if (positions->shape[0] < ids->shape[1])
        return fail(e, STATUS_BAD_ARG,
                    "text_tokens: positions; expected at least %lld rows, found %lld; shorten the "
                    "text",
                    (long long)ids->shape[1], (long long)positions->shape[0]);
    c->slot[OP_OUT].tensor =
        tensor_make(TENSOR_F32, 3, (int64_t[]){ids->shape[0], ids->shape[1], table->shape[1]});
    return STATUS_OK;
}

static uint64_t backward_reads(const struct op_call *c, uint32_t wanted) {
    (void)c;
    return wanted >> TABLE & 1 ? 1u << (OP_IN + IDS) : 0;
}

static float *table_row(const struct op_call *c, int slot, int32_t id) {
    const struct tensor *table = op_tensor(c, OP_IN + TABLE);
    CHECK(id >= 0 && id < table->shape[0]);
    return op_f32(c, slot) + id * table->shape[1];
}

static void forward(const struct op_call *c) {
    const struct tensor *t = op_tensor(c, OP_IN + IDS);
    const int64_t n = t->shape[0] * t->shape[1], n_tokens = t->shape[1];
    const int64_t columns = op_columns(c, OP_IN + TABLE);
    const int32_t *ids = op_i32(c, OP_IN + IDS);
    for (int64_t i = 0; i < n; i++) {
        const float *word = table_row(c, OP_IN + TABLE, ids[i]);
        const float *position = op_f32(c, OP_IN + POSITIONS) + i % n_tokens * columns;
        float *y = op_f32(c, OP_OUT) + i * columns;
        for (int64_t j = 0; j < columns; j++) y[j] = word[j] + position[j];
    }
}

static void clear_unless_adding(const struct op_call *c, int input) {
    if (op_adds(c, input)) return;
    memset(op_f32(c, OP_D_IN + input), 0, (size_t)tensor_bytes(op_tensor(c, OP_IN + input)));
}

static void backward_table(const struct op_call *c) {
    const int64_t n = tensor_elements(op_tensor(c, OP_IN + IDS));
    const int64_t columns = op_columns(c, OP_IN + TABLE);
    const int32_t *ids = op_i32(c, OP_IN + IDS);
    clear_unless_adding(c, TABLE);
    for (int64_t i = 0; i < n; i++) {
        const float *dy = op_f32(c, OP_D_OUT) + i * columns;
        float *d = table_row(c, OP_D_IN + TABLE, ids[i]);
        for (int64_t j = 0; j < columns; j++) d[j] += dy[j];
    }
}

static void backward_positions(const struct op_call *c) {
    const struct tensor *t = op_tensor(c, OP_IN + IDS);
    const int64_t n = t->shape[1] * op_columns(c, OP_IN + TABLE);
    float *d = op_f32(c, OP_D_IN + POSITIONS);
    clear_unless_adding(c, POSITIONS);
    for (int64_t b = 0; b < t->shape[0]; b++) {
        const float *dy = op_f32(c, OP_D_OUT) + b * n;
        for (int64_t i = 0; i < n; i++) d[i] += dy[i];
    }
}

static void backward(const struct op_call *c) {
    if (op_wants(c, TABLE)) backward_table(c);
    if (op_wants(c, POSITIONS)) backward_positions(c);
}

static double flops(const struct op_call *c) {
    return (double)tensor_elements(op_tensor(c, OP_OUT));
}

/* Forward reads one row of the table for each token. */
static double bytes(const struct op_call *c) {
    const double all = op_operand_bytes(c);
    if (c->direction == OP_BACKWARD) return all;
    return all - (double)tensor_bytes(op_tensor(c, OP_IN + TABLE)) +
           (double)tensor_bytes(op_tensor(c, OP_OUT));
}

const struct op op_text_tokens = {
    .name = "text_tokens",
    .n_inputs = 3,
    .n_outputs = 1,
    .differentiable = 1u << TABLE | 1u << POSITIONS,
    .shape = shape,
    .backward_reads = backward_reads,
    .forward = forward,
    .backward = backward,
    .kernels = text_tokens_kernels,
    .flops = flops,
    .bytes = bytes,
};

int text_tokens_call(struct graph *g, int ids, int table, int positions) {
    return graph_call(g, OP_text_tokens,
                      (int[OP_INPUTS]){ids, table, positions, GRAPH_NONE, GRAPH_NONE, GRAPH_NONE},
                      NULL, 0);
}
