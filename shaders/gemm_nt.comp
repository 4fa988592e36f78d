#version 450
#extension GL_GOOGLE_include_directive : require
/* C = A B', B stored (n, k): forward products */
#define B_IS_TURNED
#include "shaders/common/gemm.glsl"
