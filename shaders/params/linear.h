/* linear has no kernel of its own: it is made of the matrix products gemm_*. Read by C and GLSL. */
#ifndef SHADERS_PARAMS_LINEAR_H
#define SHADERS_PARAMS_LINEAR_H
#include "shaders/params/gemm.h"

#endif
