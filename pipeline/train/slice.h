/* slice: how many samples are computed together when the recipe does not say (data.slice 0).
 *
 * Threads share the slices of a step, so a small batch must have several. Their size is part of the
 * numbers of a run and may not follow threads or device: it is a function of the batch alone. Below
 * 16 samples: two slices; up to 64: four; above: slices of 16. Small slices cost more: the products
 * of ViT-B-32 take 1.15, 1.05, 1.00 and 1.00 times as long per picture in slices of 2, 4, 8 and 16
 * (AVX2, one thread, best of 25). */
#ifndef PIPELINE_TRAIN_SLICE_H
#define PIPELINE_TRAIN_SLICE_H

/* The largest divisor of `common` within that. batch: samples of a step. common: the greatest
 * common divisor of all parts that are cut into slices, the batch among them; 0: there are none. */
int slice_default(int batch, int common);

#endif
