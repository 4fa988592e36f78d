/* sgd: one step of gradient descent with momentum, in place, over a run of parameters.
 *   in gradient (n), norm (2) from gradient_norm, numbers (SGD_NUMBERS)
 *   in and out: parameter w (n), velocity v (n)
 *   g = gradient factor + decay w (decay only when the option is set);  v = momentum v + g;
 *   w -= lr v, or with nesterov w -= lr (g + momentum v)
 *   lr, decay, momentum are numbers (shaders/params/sgd.h). Nothing is written when factor is 0.
 * Source: Sutskever et al. 2013; torch.optim.SGD without dampening, whose first velocity is g
 * too. */
#ifndef MODELS_OPS_SGD_H
#define MODELS_OPS_SGD_H

#include "models/graph.h"

struct sgd_options {
    int32_t decay;    /* 1: weight decay applies */
    int32_t nesterov; /* 1: looks ahead by the momentum */
};

struct sgd_tensors {
    int gradient, norm, numbers, parameter, velocity;
};
void sgd_update(struct graph *g, struct sgd_tensors t, struct sgd_options options);

#endif
