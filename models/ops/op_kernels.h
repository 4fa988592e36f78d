/* op_kernels: the GPU plans that are too long for the file of their op, and helpers for them. Each
 * plan fills the kernels of a call as op.kernels requires; it is in models/ops/<op>_kernels.c. */
#ifndef MODELS_OPS_OP_KERNELS_H
#define MODELS_OPS_OP_KERNELS_H

#include "models/op.h"

int linear_kernels(const struct op_call *c, const struct traits *t, struct kernel *k);
int layernorm_kernels(const struct op_call *c, const struct traits *t, struct kernel *k);
int attention_kernels(const struct op_call *c, const struct traits *t, struct kernel *k);
int attention_pool_kernels(const struct op_call *c, const struct traits *t, struct kernel *k);
int image_tokens_kernels(const struct op_call *c, const struct traits *t, struct kernel *k);
int text_tokens_kernels(const struct op_call *c, const struct traits *t, struct kernel *k);
int contrastive_loss_kernels(const struct op_call *c, const struct traits *t, struct kernel *k);
int sigmoid_loss_kernels(const struct op_call *c, const struct traits *t, struct kernel *k);
int soft_target_loss_kernels(const struct op_call *c, const struct traits *t, struct kernel *k);

/* Number of parts of a call (op.parts). */
int contrastive_loss_parts(const struct op_call *c);
int sigmoid_loss_parts(const struct op_call *c);

/* Scratch bytes of the plans. The op's scratch_bytes must be at least that. */
int64_t linear_kernels_scratch(const struct op_call *c);
int64_t attention_kernels_scratch(const struct op_call *c);
int64_t soft_target_loss_kernels_scratch(const struct op_call *c);

/* For kernels on shaders/common/row.glsl: the number of threads that share a row, and the grid. */
uint32_t op_kernels_lanes(int64_t columns);
void op_kernels_row_groups(struct kernel *k, int64_t rows, uint32_t lanes);
/* Switches to `shader`, the build that sums within subgroups, if threads share rows and the device
 * supports it. */
void op_kernels_row_subgroup(struct kernel *k, const struct traits *t, uint32_t lanes,
                             const char *shader);

/* Kernels shared by several ops. */
/* to = value, n numbers. */
void op_kernels_fill(struct kernel *k, int to, int64_t n, float value);
/* to = scale from, or += it. */
void op_kernels_scale(struct kernel *k, int from, int to, int64_t n, float scale, bool accumulate);
/* to = scale times the sum of n numbers of from, the first at start; or += it. */
void op_kernels_total(struct kernel *k, int from, int64_t start, int64_t n, int to, float scale,
                      bool accumulate);
/* to[j] = sum of weight[i] from[i][j]; weight may be -1: all 1. */
void op_kernels_column_sum(struct kernel *k, int from, int weight, int to, int64_t rows,
                           int64_t columns, bool accumulate);
/* dx[index[r]] = the sum of the rows r of dy, or += it. Rows without an index stay as they are. */
void op_kernels_scatter(struct kernel *k, int index, int dy, int dx, int64_t rows, int64_t columns,
                        bool accumulate);

#endif
