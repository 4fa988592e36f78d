/* blas_core: which of OpenBLAS's kernels this CPU should run.
 *
 * OpenBLAS has a set of kernels ("core") for each of many CPUs and chooses one when it is loaded,
 * by the CPU's model number. For a CPU newer than the library it may choose kernels for SSE3, which
 * take 3 to 5 times as long. The variable OPENBLAS_CORETYPE overrides the choice, but is read only
 * while the library is loaded: changing the core means restarting the program
 * (pipeline/cli/choose_core.h).
 *
 * Cores are compared by rank: SSE, AVX, AVX2 with FMA, AVX-512. Cores of one rank are equally good
 * here, so the library's choice stays unless the CPU can run a higher rank. A name that is not in
 * the table (other architectures) is left alone. Source: OpenBLAS, driver/others/dynamic.c. */
#ifndef MODELS_OPS_BLAS_CORE_H
#define MODELS_OPS_BLAS_CORE_H

#include <stdbool.h>
#include <stddef.h>

/* Features that the CPU has and whose registers the operating system saves. */
enum blas_core_feature {
    BLAS_CORE_AVX = 1,
    BLAS_CORE_AVX2 = 2, /* with FMA and BMI2 */
    BLAS_CORE_FMA4 = 4,
    BLAS_CORE_AVX512 = 8, /* F, DQ, BW, VL and CD */
    BLAS_CORE_BF16 = 16,  /* AVX512_BF16 */
};

/* Features of this CPU; 0 on architectures other than x86-64. */
unsigned blas_core_features(void);

/* The core to run on a CPU with these features. library: the library's own choice. failed: NULL, or
 * the core that was tried last and cannot be used; the result then has a lower rank. NULL: no core
 * is left. */
const char *blas_core_choose(unsigned features, const char *library, const char *failed);

/* Name of a feature that the core needs and the CPU lacks; NULL if the core can run. */
const char *blas_core_missing(unsigned features, const char *core);

/* The core to run; OpenBLAS reads it while it is loaded. */
#define BLAS_CORE_VARIABLE "OPENBLAS_CORETYPE"
/* Set by choose_core together with the variable above: the core that OpenBLAS chose itself, then
 * the cores that computed wrongly, separated by commas. If it is not set, the user set the variable
 * above. */
#define BLAS_CORE_GUARD "SAPWOOD_BLAS_CORES"

enum { BLAS_CORE_TEXT = 256 };

/* For the log: the running core's name and who chose it. */
void blas_core_describe(char text[BLAS_CORE_TEXT], const char *running);
/* Says why products are slower than they could be, or that the library did not know the given name,
 * and what to do. False: neither. */
bool blas_core_advise(char text[BLAS_CORE_TEXT], const char *running);

#endif
