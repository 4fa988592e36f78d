/* resize_kernels: the two inner loops of resize.h, plain and for the processor at hand.
 *
 * Weights have RESIZE_WEIGHT_BITS fractional bits: too many for products of 16 bits, which is what
 * the vector units are fast at. So a weight is also kept in two parts,
 *     weight = high 2^RESIZE_LOW_BITS + low,  0 <= low < 2^RESIZE_LOW_BITS,
 * and sum(weight p) = sum(high p) 2^RESIZE_LOW_BITS + sum(low p), exact in 32 bits. Both parts of
 * two taps side by side are a pair, and one instruction makes the products of 16 pairs.
 * Agreement: plain and fast give equal bytes. */
#ifndef DATA_IMAGES_RESIZE_KERNELS_H
#define DATA_IMAGES_RESIZE_KERNELS_H

#include <stddef.h>
#include <stdint.h>

enum {
    RESIZE_WEIGHT_BITS = 22,
    RESIZE_LOW_BITS = 11,
    RESIZE_ROWS = 4,     /* that `rows` makes at a time */
    RESIZE_PADDING = 32, /* bytes that may be read or written behind what is asked for */
};

/* The taps of one axis: output i reads count[i] places from first[i] on. Its weights are at weight
 * + i * room; room is a multiple of 4, and weights behind count[i] are 0. */
struct resize_taps {
    int n, room;
    int32_t *first, *count, *weight;
    int16_t *high, *low; /* (n, room), parts of the weights */
};

struct resize_kernels {
    /* RESIZE_ROWS rows of taps->n pixels at out from rows at in; strides in bytes. Each row of both
     * has RESIZE_PADDING bytes more than its pixels, or a next row. */
    void (*rows)(uint8_t *out, size_t out_stride, const uint8_t *in, size_t in_stride,
                 const struct resize_taps *taps);
    /* Output row i of n bytes at out, exactly, from rows at in, whose first is row 0 of the axis
     * and which are multiples of RESIZE_PADDING bytes apart. The row behind the last one that the
     * taps need may be read, with weight 0. */
    void (*column)(uint8_t *out, const uint8_t *in, size_t stride, size_t n,
                   const struct resize_taps *taps, int i);
};

extern const struct resize_kernels resize_kernels_plain;

/* The fastest that this processor can run. */
const struct resize_kernels *resize_kernels_fast(void);

#endif
