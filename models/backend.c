#include "models/backend.h"

#include "pipeline/base/log.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum status backend_create(struct backend **out, const struct backend_options *o, struct error *e) {
    const char *device = o->device ? o->device : "auto";
    struct backend_options options = *o;
    options.device = device;
    if (!strcasecmp(device, "cpu")) return backend_cpu_create(out, &options, e);
    if (strcasecmp(device, "auto")) return backend_vulkan_create(out, &options, e);

    /* Without a real GPU the CPU backend is fastest: software Vulkan devices run on the same
     * processor, many times slower. */
    struct error why;
    options.device = "auto";
    const enum status rc = backend_vulkan_create(out, &options, &why);
    if (rc == STATUS_OK) return rc;
    if (rc != STATUS_NOT_FOUND && rc != STATUS_UNSUPPORTED)
        log_warning("%s; taking the CPU", why.text);
    return backend_cpu_create(out, &options, e);
}

void backend_destroy(struct backend **b) {
    if (*b) (*b)->table->destroy(*b);
    *b = NULL;
}

void backend_name(struct buffer *buffer, const char *format, ...) {
    char name[128];
    va_list list;
    if (!buffer->backend->table->name) return;
    va_start(list, format);
    vsnprintf(name, sizeof name, format, list);
    va_end(list);
    buffer->backend->table->name(buffer, name);
}
