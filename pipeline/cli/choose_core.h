/* choose_core: the first act of a command: kernels that are fast on this CPU and compute right.
 *
 * Where OpenBLAS chose slower kernels than the CPU's features allow (models/ops/blas_core.h), sets
 * OPENBLAS_CORETYPE and starts the program again in the same process. Kernels that the library does
 * not have, or that compute wrongly (models/ops/matmul_check.h), give way to those of a lower rank
 * in the same manner; the rank falls each time, so that this ends. What happened stays in the
 * environment, for blas_core_describe and blas_core_advise. Where the program cannot be started
 * again (no /proc), the kernels stay. An OPENBLAS_CORETYPE of the user is not touched.
 *
 * Errors: those of matmul_check, when no other kernels are left or the user chose them. */
#ifndef PIPELINE_CLI_CHOOSE_CORE_H
#define PIPELINE_CLI_CHOOSE_CORE_H

#include "pipeline/base/status.h"

/* argv: of main. May not return. */
enum status choose_core(char **argv, struct error *e);

#endif
