/* Push constants of column_sum_fwd. Read by C and GLSL. */
#ifndef SHADERS_PARAMS_COLUMN_SUM_H
#define SHADERS_PARAMS_COLUMN_SUM_H
#include "shaders/params/types.h"

struct column_sum_params {
    uint rows, columns;
    uint has_weight; /* 0: all 1 */
    uint accumulate;
};

#endif
