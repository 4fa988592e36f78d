/* sapwood bench: measurements of parts of the program, each in a file of its own. */
#include "pipeline/cli/cmd_bench.h"

#include <stddef.h>

#include "pipeline/cli/command_list.h"
#include "pipeline/cli/options.h"

enum status command_bench(int argc, char **argv, struct error *e) {
    static const char *const names[] = {"loader", "step", NULL};
    static const char *const help[] = {"samples per second from shards to batches",
                                       "a training step on synthetic data", NULL};
    static enum status (*const run[])(int, char **, struct error *) = {cmd_bench_loader,
                                                                       cmd_bench_step};
    int chosen;
    enum status rc = options_choose("bench", "Measures parts of the program on this machine.",
                                    names, help, argc, argv, &chosen, e);
    if (rc != STATUS_OK) return rc;
    return run[chosen](argc - 1, argv + 1, e);
}
