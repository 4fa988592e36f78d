#version 450
#extension GL_GOOGLE_include_directive : require
/* C = A' B, A stored (k, m): gradients of weights */
#define GEMM_A_TURNED
#include "shaders/common/gemm.glsl"
