/* attention_pool runs the kernels of attention and of matrix products. */
#ifndef SHADERS_PARAMS_ATTENTION_POOL_H
#define SHADERS_PARAMS_ATTENTION_POOL_H
#include "shaders/params/attention.h"
#include "shaders/params/gemm.h"

#endif
