#include "models/ops/op_kernels.h"

#include "shaders/params/column_sum.h"
#include "shaders/params/fill.h"
#include "shaders/params/gather_rows.h"
#include "shaders/params/scale.h"
#include "shaders/params/total.h"

enum { COLUMNS_PER_GROUP = 32 /* COLUMN_WIDTH of shaders/common/column.glsl */ };

uint32_t op_kernels_lanes(int64_t columns) {
    enum { SHORT_ROW = 32 };
    return columns <= SHORT_ROW ? 1 : 64;
}

void op_kernels_row_groups(struct kernel *k, int64_t rows, uint32_t lanes) {
    kernel_groups(k, rows, 256 / lanes);
}

void op_kernels_row_subgroup(struct kernel *k, const struct traits *t, uint32_t lanes,
                             const char *shader) {
    if (lanes == 1 || !t->subgroup || t->subgroup > lanes) return;
    k->shader = shader;
    k->subgroup = t->subgroup;
}

void op_kernels_fill(struct kernel *k, int to, int64_t n, float value) {
    const struct fill_params p = {.n = (uint)n, .value = value};
    *k = (struct kernel){.shader = "fill", .n_bindings = 1, .binding = {to}};
    kernel_groups(k, n, 256);
    kernel_push(k, &p, sizeof p);
}

void op_kernels_scale(struct kernel *k, int from, int to, int64_t n, float scale, bool accumulate) {
    const struct scale_params p = {.n = (uint)n, .accumulate = accumulate, .scale = scale};
    *k = (struct kernel){.shader = "scale", .n_bindings = 2, .binding = {from, to}};
    kernel_groups(k, n, 256);
    kernel_push(k, &p, sizeof p);
}

void op_kernels_total(struct kernel *k, int from, int64_t start, int64_t n, int to, float scale,
                      bool accumulate) {
    const struct total_params p = {
        .n = (uint)n, .start = (uint)start, .accumulate = accumulate, .scale = scale};
    *k = (struct kernel){.shader = "total", .n_bindings = 2, .binding = {from, to}};
    kernel_groups(k, 1, 1);
    kernel_push(k, &p, sizeof p);
}

void op_kernels_column_sum(struct kernel *k, int from, int weight, int to, int64_t rows,
                           int64_t columns, bool accumulate) {
    const struct column_sum_params p = {.rows = (uint)rows,
                                        .columns = (uint)columns,
                                        .has_weight = weight >= 0,
                                        .accumulate = accumulate};
    *k = (struct kernel){.shader = "column_sum_fwd",
                         .n_bindings = 3,
                         .binding = {from, weight >= 0 ? weight : from, to}};
    kernel_groups(k, columns, COLUMNS_PER_GROUP);
    kernel_push(k, &p, sizeof p);
}

void op_kernels_scatter(struct kernel *k, int index, int dy, int dx, int64_t rows, int64_t columns,
                        bool accumulate) {
    const struct gather_rows_params p = {
        .rows = (uint)rows, .columns = (uint)columns, .accumulate = accumulate};
    *k = (struct kernel){.shader = "scatter_rows", .n_bindings = 3, .binding = {index, dy, dx}};
    kernel_groups(k, rows, 1);
    kernel_push(k, &p, sizeof p);
}
