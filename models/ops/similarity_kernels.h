/* similarity_kernels: the matrix products of losses over all pairs of two sets of features, on the
 * GPU. Inputs 0 and 1 of the op are the features u and v, (n, width) each; its scratch memory begins
 * with a matrix (n, n). */
#ifndef MODELS_OPS_SIMILARITY_KERNELS_H
#define MODELS_OPS_SIMILARITY_KERNELS_H

#include "models/op.h"

/* The matrix becomes u v'. */
void similarity_kernels_forward(struct kernel *k, const struct op_call *c);
/* The matrix holds E, the gradient of u v': du = E v (input 0) or dv = E' u (input 1). */
void similarity_kernels_backward(struct kernel *k, const struct op_call *c, int input);

#endif
