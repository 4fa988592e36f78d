/* order: decides which sample fills which slot, as a pure function.
 *
 * The slots of a part are numbered through all steps: draw g = step * n + slot. Two functions map a
 * draw to a sample. Step 10 million costs the same as step 0, and there is no state to save:
 *
 *   draw -> (source, draw of that source)      order_mix_draw: cumulative rounding of the ratios
 *   draw of the source -> sample               order_sequence_sample: keyed permutations per epoch
 */
#ifndef DATA_STREAM_ORDER_H
#define DATA_STREAM_ORDER_H

#include <stdint.h>

#include "pipeline/base/status.h"

enum { ORDER_SOURCES_MAX = 64 };

/* Whole-number ratios of sources, without a common divisor. */
struct order_mix {
    int n;
    uint64_t ratio[ORDER_SOURCES_MAX];
    uint64_t total;
};

/* ratios > 0 weigh samples (not shards); only their proportions matter. Fractions count to six
 * decimals. BAD_ARG: a ratio that is not positive, above 1e12, or a fraction below 1e-6. */
enum status order_mix_init(struct order_mix *mix, const double *ratios, int n, struct error *e);

/* Number of the first `draws` draws that go to the source. Exact at multiples of total, and within
 * n / 2 + 1 of draws * ratio / total in between. */
uint64_t order_mix_count(const struct order_mix *mix, int source, uint64_t draws);

struct order_draw {
    int source;
    uint64_t draw; /* number among the draws of this source */
};
struct order_draw order_mix_draw(const struct order_mix *mix, uint64_t draw);

/* The samples of a source, in an order that depends on (seed, source, epoch); each comes once per
 * epoch. Every epoch deals the shards into new blocks. The blocks follow one another, and the
 * samples of a block come in a permutation. So only a few shards are in use at a time, as a cache
 * of remote shards needs, and samples still mix over a whole block. A block has ORDER_BLOCK_SHARDS
 * shards, or more if those have fewer than ORDER_BLOCK_SAMPLES samples. */
enum { ORDER_BLOCK_SHARDS = 16, ORDER_BLOCK_SAMPLES = 65536 };
struct order_sequence;

/* n_samples (n_shards): samples of each shard, in order; their sum is > 0. */
enum status order_sequence_create(struct order_sequence **out, uint64_t seed, uint64_t source,
                                  const int64_t *n_samples, int n_shards, struct error *e);
void order_sequence_destroy(struct order_sequence **q);
/* The sample of a draw. Caches the deal of two epochs, so one caller at a time; a new epoch costs a
 * pass over the shards. */
int64_t order_sequence_sample(struct order_sequence *q, uint64_t draw);
/* Index of the draw's block, counted through all epochs. */
uint64_t order_sequence_block(struct order_sequence *q, uint64_t draw);
/* The shards of a block, ascending: *shards is valid until the next call. */
int order_sequence_shards(struct order_sequence *q, uint64_t block, const int **shards);

#endif
