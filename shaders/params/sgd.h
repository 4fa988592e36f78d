/* Numbers and push constants of sgd_fwd. Read by C and GLSL. */
#ifndef SHADERS_PARAMS_SGD_H
#define SHADERS_PARAMS_SGD_H
#include "shaders/params/types.h"

/* The numbers that change per step. */
#define SGD_RATE 0
#define SGD_DECAY 1
#define SGD_MOMENTUM 2
#define SGD_NUMBERS 3

struct sgd_params {
    uint n;
    uint decay;    /* 1: weight decay applies */
    uint nesterov; /* 1: looks ahead by the momentum */
};

#endif
