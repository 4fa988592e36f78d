/* Replaces models/vk/ in a build without Vulkan. */
#include "models/backend.h"

#include <stdio.h>

enum status backend_vulkan_create(struct backend **out, const struct backend_options *o,
                                  struct error *e) {
    (void)o;
    *out = NULL;
    return fail(e, STATUS_UNSUPPORTED,
                "Vulkan: this program was built without it (SAPWOOD_VULKAN=OFF); take the device "
                "`cpu`");
}

enum status backend_vulkan_list(struct backend_device **out, int *n, char *reason,
                                struct error *e) {
    (void)e;
    *out = NULL;
    *n = 0;
    snprintf(reason, 256, "this program was built without Vulkan (SAPWOOD_VULKAN=OFF)");
    return STATUS_OK;
}

int backend_vulkan_messages(const struct backend *b) {
    (void)b;
    return 0;
}
