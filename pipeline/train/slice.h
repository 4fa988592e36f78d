/* slice: the default number of samples computed together (data.slice 0).
 *
 * Threads share the slices of a step, so a small batch must have several. The size affects the bits
 * of a run, so it depends on the batch alone, never on threads or device. Below 16 samples: two
 * slices; up to 64: four; above: slices of 16. Small slices cost more: the products of ViT-B-32
 * take 1.15, 1.05, 1.00 and 1.00 times as long per picture in slices of 2, 4, 8 and 16 (AVX2, one
 * thread, best of 25). */
#ifndef PIPELINE_TRAIN_SLICE_H
#define PIPELINE_TRAIN_SLICE_H

/* The largest divisor of `common` up to that size. batch: samples of a step. common: greatest
 * common divisor of all parts that are cut into slices, the batch included; 0: there are none. */
int slice_default(int batch, int common);

#endif
