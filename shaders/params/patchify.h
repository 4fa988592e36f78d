/* Push constants of patchify_fwd. Read by C and GLSL. */
#ifndef SHADERS_PARAMS_PATCHIFY_H
#define SHADERS_PARAMS_PATCHIFY_H
#include "shaders/params/types.h"

struct patchify_params {
    uint n;             /* numbers of the output */
    uint side, patch_side; /* of a picture and of a patch, in pixels */
    float mean[3], deviation[3];
};

#endif
