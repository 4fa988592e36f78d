/* blas_core: which of OpenBLAS's kernels this CPU should run.
 *
 * OpenBLAS has a set of kernels ("core") for each of many CPUs and chooses one when it is loaded,
 * by the CPU's model number. For a CPU younger than itself it may choose kernels for SSE3, which
 * take 3 to 5 times as long. The variable OPENBLAS_CORETYPE overrides its choice, but is read only
 * while it is loaded: who wants another core starts the program again (pipeline/cli/choose_core.h).
 *
 * Cores are compared by rank: SSE, AVX, AVX2 with FMA, AVX-512. Cores of one rank are equally good
 * here, so the library's own choice stays where no higher rank is possible. A name that is not in
 * the table (other architectures) is left alone. Source: OpenBLAS, driver/others/dynamic.c. */
#ifndef MODELS_OPS_BLAS_CORE_H
#define MODELS_OPS_BLAS_CORE_H

#include <stdbool.h>
#include <stddef.h>

/* What the CPU can run and the operating system saves on a switch of threads. */
enum blas_core_feature {
    BLAS_CORE_AVX = 1,
    BLAS_CORE_AVX2 = 2, /* with FMA and BMI2 */
    BLAS_CORE_FMA4 = 4,
    BLAS_CORE_AVX512 = 8, /* F, DQ, BW, VL and CD */
    BLAS_CORE_BF16 = 16,  /* AVX512_BF16 */
};

/* Of this CPU; 0 on another architecture than x86-64. */
unsigned blas_core_features(void);

/* The core to run on a CPU with these features when the library by itself runs `library`. failed:
 * NULL, or the core that was tried last and cannot be used: then one of a lower rank. NULL: none is
 * left. */
const char *blas_core_choose(unsigned features, const char *library, const char *failed);

/* A feature that the core needs and the CPU lacks, as text; NULL if it can run. */
const char *blas_core_missing(unsigned features, const char *core);

/* Read by OpenBLAS while it is loaded: the core to run. */
#define BLAS_CORE_VARIABLE "OPENBLAS_CORETYPE"
/* Set by choose_core when it sets the variable above: the core that OpenBLAS chose by itself, then
 * the cores that computed wrongly, separated by commas. Without it the variable is the user's. */
#define BLAS_CORE_GUARD "SAPWOOD_BLAS_CORES"

enum { BLAS_CORE_TEXT = 256 };

/* What the log says of the running core: its name and who chose it. */
void blas_core_describe(char text[BLAS_CORE_TEXT], const char *running);
/* Why products are slower than they could be, or that the library did not know the name it was
 * given, and what to do; false: neither. */
bool blas_core_advise(char text[BLAS_CORE_TEXT], const char *running);

#endif
