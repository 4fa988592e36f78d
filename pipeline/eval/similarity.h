/* similarity: the dot product of two features, summed in one fixed order, so that equal features
 * give the same bits wherever they are. BLAS does not promise that, and positions in the matrix
 * would decide ties. */
#ifndef PIPELINE_EVAL_SIMILARITY_H
#define PIPELINE_EVAL_SIMILARITY_H

#include <stdint.h>

float similarity(const float *a, const float *b, int64_t width);

/* Scales n rows to length 1; a row of zeros stays zero. */
void similarity_normalize(float *rows, int64_t n, int64_t width);

#endif
