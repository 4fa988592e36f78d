/* order: which sample stands in which slot, as a pure function.
 *
 * The slots of a part are numbered through all steps: draw g = step * n + slot. Two closed forms
 * lead from a draw to a sample, so step 10 million costs the same as step 0 and nothing is saved:
 *
 *   draw -> (source, draw of that source)      order_mix_draw: cumulative rounding of the ratios
 *   draw of the source -> sample               order_sample: a keyed permutation per epoch */
#ifndef DATA_ORDER_H
#define DATA_ORDER_H

#include <stdint.h>

#include "pipeline/base/status.h"

enum { ORDER_SOURCES_MAX = 64 };

/* Whole-number ratios of sources, without a common divisor. */
struct order_mix {
    int n;
    uint64_t ratio[ORDER_SOURCES_MAX];
    uint64_t total;
};

/* ratios > 0 weigh samples (not shards); only their proportions matter. Fractions are taken to six
 * decimals. BAD_ARG: a ratio that is not positive or is more than 1e12, or below 1e-6 of a unit. */
enum status order_mix_init(struct order_mix *mix, const double *ratios, int n, struct error *e);

/* How many of the first `draws` draws fall to the source. Exact after every multiple of total, and
 * never more than n / 2 + 1 away from draws * ratio / total in between. */
uint64_t order_mix_count(const struct order_mix *mix, int source, uint64_t draws);

struct order_draw {
    int source;
    uint64_t draw; /* number among the draws of this source */
};
struct order_draw order_mix_draw(const struct order_mix *mix, uint64_t draw);

/* The sample of a source's draw: in every epoch of n draws each of n samples comes once, in an
 * order of its own per (seed, source, epoch). */
uint64_t order_sample(uint64_t seed, uint64_t source, uint64_t draw, uint64_t n);

#endif
