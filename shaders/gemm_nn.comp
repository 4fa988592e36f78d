#version 450
#extension GL_GOOGLE_include_directive : require
/* C = A B: gradients of inputs */
#include "shaders/common/gemm.glsl"
