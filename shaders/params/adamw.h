/* Numbers and push constants of adamw_fwd. Read by C and GLSL. */
#ifndef SHADERS_PARAMS_ADAMW_H
#define SHADERS_PARAMS_ADAMW_H
#include "shaders/params/types.h"

/* The numbers that change per step. */
#define ADAMW_RATE 0
#define ADAMW_DECAY 1
#define ADAMW_BETA1 2
#define ADAMW_BETA2 3
#define ADAMW_EPSILON 4
#define ADAMW_CORRECTION1 5 /* 1 - beta1^step */
#define ADAMW_CORRECTION2 6
#define ADAMW_NUMBERS 7

struct adamw_params {
    uint n;
    uint decay; /* 1: weight decay applies */
};

#endif
