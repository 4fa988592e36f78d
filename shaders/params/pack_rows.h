/* Push constants of pack_rows_fwd and pack_rows_bwd. Read by C and GLSL. */
#ifndef SHADERS_PARAMS_PACK_ROWS_H
#define SHADERS_PARAMS_PACK_ROWS_H
#include "shaders/params/types.h"

struct pack_rows_params {
    uint n;      /* numbers of y */
    uint slice;  /* numbers of y that come from one slice */
    uint stride; /* numbers from one slice of x to the next */
    uint accumulate;
};

#endif
