/* resize_kernels: the two inner loops of resize.h, plain and for this processor.
 *
 * Weights have RESIZE_WEIGHT_BITS fractional bits, too many for the fast 16-bit products of vector
 * units. So each weight is also stored in two parts,
 *     weight = high 2^RESIZE_LOW_BITS + low,  0 <= low < 2^RESIZE_LOW_BITS,
 * and sum(weight p) = sum(high p) 2^RESIZE_LOW_BITS + sum(low p), exact in 32 bits. Two
 * neighbouring taps form a pair; one instruction computes the products of 16 pairs. Agreement:
 * plain and fast give equal bytes. */
#ifndef DATA_IMAGES_RESIZE_KERNELS_H
#define DATA_IMAGES_RESIZE_KERNELS_H

#include <stddef.h>
#include <stdint.h>

enum {
    RESIZE_WEIGHT_BITS = 22,
    RESIZE_LOW_BITS = 11,
    RESIZE_ROWS = 4,     /* rows per call of `rows` */
    RESIZE_PADDING = 32, /* bytes that may be read or written past the end */
};

/* The taps of one axis. Output i reads count[i] pixels from first[i]. Its weights are at weight + i
 * * room; room is a multiple of 4, and weights past count[i] are 0. */
struct resize_taps {
    int n, room;
    int32_t *first, *count, *weight;
    int16_t *high, *low; /* (n, room), parts of the weights */
};

struct resize_kernels {
    /* Writes RESIZE_ROWS rows of taps->n pixels to out from rows at in; strides in bytes. Each row,
     * of out too, is followed by RESIZE_PADDING bytes or by another row. */
    void (*rows)(uint8_t *out, size_t out_stride, const uint8_t *in, size_t in_stride,
                 const struct resize_taps *taps);
    /* Writes output row i, exactly n bytes, to out. in: row 0 of the axis; stride is a multiple of
     * RESIZE_PADDING bytes. May read one row past the last that the taps need, with weight 0. */
    void (*column)(uint8_t *out, const uint8_t *in, size_t stride, size_t n,
                   const struct resize_taps *taps, int i);
};

extern const struct resize_kernels resize_kernels_plain;

/* The fastest kernels that this processor can run. */
const struct resize_kernels *resize_kernels_fast(void);

#endif
