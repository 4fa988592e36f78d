/* vk_shader: the embedded SPIR-V, by the name of its build: the name of its file in shaders/, or
 * one from the list in shaders/embed.cmake. */
#ifndef MODELS_VK_VK_SHADER_H
#define MODELS_VK_VK_SHADER_H

#include <stddef.h>
#include <stdint.h>

struct vk_shader {
    const char *name;
    const uint32_t *code;
    size_t bytes;
};

/* Written by shaders/embed.cmake. The last entry has no name. */
extern const struct vk_shader vk_shader_table[];

#endif
