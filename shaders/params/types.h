/* The type names that C and GLSL share in shaders/params/. */
#ifndef SHADERS_PARAMS_TYPES_H
#define SHADERS_PARAMS_TYPES_H
#ifndef VULKAN /* defined by the GLSL compiler */
#include <stdint.h>
typedef uint32_t uint; /* the same type as in <sys/types.h> */
#endif
#endif
