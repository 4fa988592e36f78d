/* choose_core: makes OpenBLAS use kernels that are fast and correct on this CPU. Every command
 * calls it first.
 *
 * If OpenBLAS chose slower kernels than the CPU allows (models/ops/blas_core.h), sets
 * OPENBLAS_CORETYPE and starts the program again in the same process. If the library lacks the
 * kernels, or they compute wrongly (models/ops/matmul_check.h), it does the same with a lower rank;
 * the rank falls each time, so this ends. The environment keeps a record for blas_core_describe and
 * blas_core_advise. If the program cannot be started again (no /proc), the kernels stay. An
 * OPENBLAS_CORETYPE set by the user is not changed.
 *
 * Errors: those of matmul_check, when no other kernels are left or the user chose them. */
#ifndef PIPELINE_CLI_CHOOSE_CORE_H
#define PIPELINE_CLI_CHOOSE_CORE_H

#include "pipeline/base/status.h"

/* argv: of main. May not return. */
enum status choose_core(char **argv, struct error *e);

#endif
