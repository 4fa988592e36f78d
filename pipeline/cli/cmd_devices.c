/* sapwood devices: shows what would run where, and why. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "models/backend.h"
#include "models/ops/blas_core.h"
#include "models/ops/matmul.h"
#include "pipeline/cli/command_list.h"
#include "pipeline/cli/options.h"

static void print_device(int number, const struct backend_device *d) {
    const double mib = 1024.0 * 1024.0;
    printf("%-5d %s\n", number, d->name);
    printf("      driver          %s\n", d->driver);
    printf("      memory          %.1f GiB\n", (double)d->memory_bytes / (1024 * mib));
    printf("      largest view    %.0f MiB\n", (double)d->storage_range_bytes / mib);
    printf("      shared memory   %d KiB\n", d->shared_bytes / 1024);
    printf("      threads         %d per group, %d per subgroup\n", d->group_invocations,
           d->subgroup);
    printf("      kernels by      %s\n", d->traits);
    printf("      %-15s %s\n", d->is_usable ? "usable" : "not usable", d->reason);
}

static void print_choice(const struct backend_device *devices, int n) {
    int n_gpus = 0, n_software = 0;
    for (int i = 0; i < n; i++) {
        n_gpus += !devices[i].is_software;
        n_software += devices[i].is_software;
    }
    for (int i = 0; i < n; i++) {
        if (!devices[i].is_auto) continue;
        printf("\nauto takes %d, %s: %s\n", i, devices[i].name,
               n_gpus > 1 ? "the best GPU that meets every limit" : "a GPU that meets every limit");
        return;
    }
    printf("\nauto takes cpu: %s%s\n",
           n_gpus ? "no GPU meets every limit" : "there is no GPU with a Vulkan driver",
           n_software ? "; a software device is many times slower than cpu" : "");
}

enum status command_devices(int argc, char **argv, struct error *e) {
    enum status rc = STATUS_OK;
    struct backend_device *devices = NULL;
    char reason[256];
    int n = 0;
    TRY(options_parse(&(struct options){.command = "devices",
                                        .summary =
                                            "Lists the devices that a recipe can name: cpu, a "
                                            "number, or a part of a device's name; and says "
                                            "which one `auto` takes."},
                      argc, argv, e));
    TRY(backend_vulkan_list(&devices, &n, reason, e));
    char text[BLAS_CORE_TEXT];
    blas_core_describe(text, matmul_core());
    printf("cpu   this processor, %s\n", text);
    if (matmul_can_choose() && blas_core_advise(text, matmul_core())) printf("      %s\n", text);
    for (int i = 0; i < n; i++) print_device(i, &devices[i]);
    if (reason[0])
        printf("\n%s\n\nauto takes cpu\n", reason);
    else
        print_choice(devices, n);
done:
    free(devices);
    return rc;
}
