/* Preloaded into sapwood by test_choose_core.sh: an OpenBLAS that does not know this CPU, or that
 * computes wrongly. Lists are names between commas: ",Haswell,Zen,".
 *   BLAS_SHIM_CORE      what the library says that it chose when OPENBLAS_CORETYPE is not set
 *   BLAS_SHIM_UNKNOWN   list of cores that it does not have: it says that it runs Prescott
 *   BLAS_SHIM_WRONG     list of cores with one wrong number in products of some odd shapes
 *   BLAS_SHIM_LOG       a file that gets a line for each start of the program: the core asked for
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

typedef char *name_function(void);
typedef void product_function(int, int, int, int, int, int, float, const float *, int,
                              const float *, int, float, float *, int);

static void *next(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) abort();
    return found;
}

static int is_in(const char *list, const char *core) {
    char name[64];
    snprintf(name, sizeof name, ",%s,", core);
    return list && strcasestr(list, name);
}

char *openblas_get_corename(void) {
    static char prescott[] = "Prescott";
    const char *asked = getenv("OPENBLAS_CORETYPE");
    char *own = getenv("BLAS_SHIM_CORE");
    if (asked && is_in(getenv("BLAS_SHIM_UNKNOWN"), asked)) return prescott;
    return asked || !own ? ((name_function *)next("openblas_get_corename"))() : own;
}

void cblas_sgemm(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a,
                 int lda, const float *b, int ldb, float beta, float *c, int ldc) {
    product_function *product = (product_function *)next("cblas_sgemm");
    const char *wrong = getenv("BLAS_SHIM_WRONG");
    product(order, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    if (m > 16 && m % 16 == 1 && n % 16 == 1 && is_in(wrong, openblas_get_corename()))
        c[(m - 1) * ldc + n - 1] += 1;
}

__attribute__((constructor)) static void write_log(void) {
    const char *path = getenv("BLAS_SHIM_LOG"), *asked = getenv("OPENBLAS_CORETYPE");
    char line[64];
    const int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
    const int n = snprintf(line, sizeof line, "%s\n", asked ? asked : "none");
    if (fd < 0) return;
    if (write(fd, line, (size_t)n) != n) abort();
    close(fd);
}
