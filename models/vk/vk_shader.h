/* vk_shader: the SPIR-V that the build embeds, by the name of its build: that of its file in
 * shaders/, or one of the list in shaders/embed.cmake. */
#ifndef MODELS_VK_VK_SHADER_H
#define MODELS_VK_VK_SHADER_H

#include <stddef.h>
#include <stdint.h>

struct vk_shader {
    const char *name;
    const uint32_t *code;
    size_t bytes;
};

/* Ends with an entry without a name. Written by shaders/embed.cmake. */
extern const struct vk_shader vk_shader_table[];

#endif
