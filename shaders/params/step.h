/* step: the numbers that change from step to step, read by kernels from one small buffer, so that
 * recorded work is replayed unchanged. Read by C and GLSL: indices only. */
#ifndef SHADERS_PARAMS_STEP_H
#define SHADERS_PARAMS_STEP_H

#define STEP_LEARNING_RATE 0
#define STEP_WEIGHT_DECAY 1
#define STEP_BETA1 2
#define STEP_BETA2 3
#define STEP_EPSILON 4
#define STEP_CORRECTION1 5 /* 1 - beta1^step */
#define STEP_CORRECTION2 6
#define STEP_CLIP_NORM 7    /* 0: no clipping */
#define STEP_KEEP_TEACHER 8 /* EMA teacher: share of the old value */
#define STEP_KEEP_CENTER 9
#define STEP_LOSS_WEIGHT 64 /* loss weights lie 64 numbers apart, so that each can be bound alone  \
                             */
#define STEP_LOSSES_MAX 15
#define STEP_COUNT 1024

#endif
