#include "models/vk/vk_name.h"

#include "pipeline/base/text.h"

#include <inttypes.h>
#include <stdio.h>

void vk_name_object(struct vk_backend *b, VkObjectType type, uint64_t handle, const char *name) {
    const VkDebugUtilsObjectNameInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_OBJECT_NAME_INFO_EXT,
        .objectType = type,
        .objectHandle = handle,
        .pObjectName = name,
    };
    if (b->instance.SetDebugUtilsObjectNameEXT)
        (void)b->instance.SetDebugUtilsObjectNameEXT(b->handle, &info);
}

void vk_name_kernel(char out[VK_NAME_KERNEL], const struct kernel *k) {
    int n = KERNEL_SPEC_MAX;
    while (n > 0 && !k->spec[n - 1]) n--;
    size_t used = (size_t)snprintf(out, VK_NAME_KERNEL, "%.64s %" PRIu32, k->shader,
                                   k->threads ? k->threads : KERNEL_THREADS);
    for (int i = 0; i < n; i++)
        used += (size_t)snprintf(out + used, VK_NAME_KERNEL - used, " %" PRIu32, k->spec[i]);
}

void vk_name_begin(struct vk_backend *b, VkCommandBuffer commands, const struct op_call *c) {
    const struct tensor *t = op_tensor(c, OP_OUT);
    struct text name = {0};
    if (!b->instance.CmdBeginDebugUtilsLabelEXT) return;
    text_printf(&name, "%s %s (", op_of(c->op)->name,
                c->direction == OP_FORWARD ? "forward" : "backward");
    for (int i = 0; i < t->rank; i++)
        text_printf(&name, "%s%" PRId64, i ? ", " : "", t->shape[i]);
    text_printf(&name, ")");
    const VkDebugUtilsLabelEXT label = {.sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_LABEL_EXT,
                                        .pLabelName = text_string(&name)};
    b->instance.CmdBeginDebugUtilsLabelEXT(commands, &label);
    text_release(&name);
}

void vk_name_end(struct vk_backend *b, VkCommandBuffer commands) {
    if (b->instance.CmdEndDebugUtilsLabelEXT) b->instance.CmdEndDebugUtilsLabelEXT(commands);
}
