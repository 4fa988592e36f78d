#include "pipeline/cli/choose_core.h"

#include "models/ops/blas_core.h"
#include "models/ops/matmul.h"
#include "models/ops/matmul_check.h"
#include "pipeline/base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* Returns only if that is impossible; the environment is then unchanged. */
static void start_again(char **argv, const char *core, const char *history) {
    char path[FILE_PATH_MAX];
    const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (!setenv(BLAS_CORE_VARIABLE, core, 1) && !setenv(BLAS_CORE_GUARD, history, 1)) {
        /* Starting by path keeps the process's name; the link in /proc still works if the file was
         * replaced. */
        if (n > 0) {
            path[n] = '\0';
            execv(path, argv);
        }
        execv("/proc/self/exe", argv);
    }
    unsetenv(BLAS_CORE_VARIABLE);
    unsetenv(BLAS_CORE_GUARD);
}

enum status choose_core(char **argv, struct error *e) {
    const char *running = matmul_core(), *forced = getenv(BLAS_CORE_VARIABLE);
    const char *ours = forced ? getenv(BLAS_CORE_GUARD) : NULL;
    const unsigned features = blas_core_features();
    char library[64], history[256];
    if (!matmul_can_choose() || (forced && !ours)) return matmul_check(e);

    snprintf(history, sizeof history, "%s", ours ? ours : running);
    snprintf(library, sizeof library, "%.*s", (int)strcspn(history, ","), history);
    const char *wanted = ours ? forced : blas_core_choose(features, library, NULL);
    const bool is_there = !strcasecmp(wanted, running);
    if (!ours && !is_there) {
        start_again(argv, wanted, history);
        return matmul_check(e);
    }
    const enum status rc = is_there ? matmul_check(e) : STATUS_OK;
    if (is_there && rc == STATUS_OK) return rc;
    const char *next = blas_core_choose(features, library, wanted);
    if (next) {
        const size_t n = strlen(history);
        if (is_there) snprintf(history + n, sizeof history - n, ",%s", running);
        start_again(argv, next, history);
    }
    return is_there ? rc : matmul_check(e);
}
