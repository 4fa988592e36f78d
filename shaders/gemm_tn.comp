#version 450
#extension GL_GOOGLE_include_directive : require
/* C = A' B, A stored (k, m): gradients of weights */
#define A_IS_TURNED
#include "shaders/common/gemm.glsl"
