/* Push constants of image_tokens_fwd, image_tokens_bwd and image_tokens_bwd_patches. Read by C and GLSL. */
#ifndef SHADERS_PARAMS_IMAGE_TOKENS_H
#define SHADERS_PARAMS_IMAGE_TOKENS_H
#include "shaders/params/types.h"

#define IMAGE_TOKENS_WANTS_CLASS 1u
#define IMAGE_TOKENS_WANTS_POSITIONS 2u
#define IMAGE_TOKENS_ADD_CLASS 4u
#define IMAGE_TOKENS_ADD_POSITIONS 8u
#define IMAGE_TOKENS_ADD_PATCHES 16u
#define IMAGE_TOKENS_WANTS_REGISTERS 32u
#define IMAGE_TOKENS_ADD_REGISTERS 64u

struct image_tokens_params {
    uint batch, patches, columns;
    uint classes, registers; /* tokens before the patches; classes: 1 or 0 */
    uint flags;
};

#endif
