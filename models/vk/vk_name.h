/* vk_name: what debuggers and validation messages call the objects of a backend, by
 * VK_EXT_debug_utils. Where that is missing nothing happens. */
#ifndef MODELS_VK_VK_NAME_H
#define MODELS_VK_VK_NAME_H

#include "models/vk/vk_backend.h"

/* handle: any, cast to 64 bits. */
void vk_name_object(struct vk_backend *b, VkObjectType type, uint64_t handle, const char *name);
/* `gemm_nt 256 64 64`: the shader, the threads of a group, and its constants up to the last that is
 * set. */
enum { VK_NAME_KERNEL = 128 };
void vk_name_kernel(char out[VK_NAME_KERNEL], const struct kernel *k);

/* Around the commands of a call or a part of it: `linear forward (800, 768)`, with the shape of its
 * output, in both directions. */
void vk_name_begin(struct vk_backend *b, VkCommandBuffer commands, const struct op_call *c);
void vk_name_end(struct vk_backend *b, VkCommandBuffer commands);

#endif
