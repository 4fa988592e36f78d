/* similarity_tiles: helpers for losses over all pairs of two sets of features. They compute
 * similarities in tiles of up to SIMILARITY_ROWS rows, so that memory grows with the number of
 * samples and not with its square. Inputs 0 and 1 of the op are the features u and v, (n, width)
 * each; its scratch memory begins with the matrix of a tile, (rows, n). */
#ifndef MODELS_OPS_SIMILARITY_TILES_H
#define MODELS_OPS_SIMILARITY_TILES_H

#include "models/op.h"

enum { SIMILARITY_ROWS = 256 };

/* Number of tiles of n rows, and of rows in the tile that begins at row `first`. */
int similarity_tiles(int64_t n);
int64_t similarity_rows(int64_t n, int64_t first);
/* Bytes of the matrix of a tile and 2 n further numbers. */
int64_t similarity_scratch(int64_t n);

/* On the CPU. Forward writes the rows from `first` of scale u v' to s. Backward reads the same rows
 * e of the gradient of scale u v' and forms the wanted du = scale e v of these rows and dv += scale
 * e' u. */
void similarity_forward(const struct op_call *c, int64_t first, float scale, float *s);
void similarity_backward(const struct op_call *c, int64_t first, float scale, const float *e);

/* On the GPU: the matrix becomes the rows from `first` of u v' (input 0) or v u' (input 1). */
void similarity_kernels_forward(struct kernel *k, const struct traits *t,
                                const struct op_call *c, int input, int64_t first);
/* The matrix holds rows of E, the gradient of u v'. Forms their du = E v (input 0) or dv += E' u
 * (input 1). */
void similarity_kernels_backward(struct kernel *k, const struct traits *t,
                                 const struct op_call *c, int input, int64_t first);

#endif
