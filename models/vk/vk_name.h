/* vk_name: names for a backend's objects in debuggers and validation messages, by
 * VK_EXT_debug_utils. Does nothing where the extension is missing. */
#ifndef MODELS_VK_VK_NAME_H
#define MODELS_VK_VK_NAME_H

#include "models/vk/vk_backend.h"

/* handle: any Vulkan handle, cast to 64 bits. */
void vk_name_object(struct vk_backend *b, VkObjectType type, uint64_t handle, const char *name);
/* `gemm_nt 256 64 64`: the shader, the threads per group, and its spec constants up to the last one
 * set. */
enum { VK_NAME_KERNEL = 128 };
void vk_name_kernel(char out[VK_NAME_KERNEL], const struct kernel *k);

/* Around the commands of a call or a part of it: `linear forward (800, 768)`, with the shape of the
 * forward call's output. */
void vk_name_begin(struct vk_backend *b, VkCommandBuffer commands, const struct op_call *c);
void vk_name_end(struct vk_backend *b, VkCommandBuffer commands);

#endif
