/* Push constants of gather_rows_fwd and scatter_rows. Read by C and GLSL. */
#ifndef SHADERS_PARAMS_GATHER_ROWS_H
#define SHADERS_PARAMS_GATHER_ROWS_H
#include "shaders/params/types.h"

struct gather_rows_params {
    uint rows, columns; /* of y */
    uint accumulate;
};

#endif
