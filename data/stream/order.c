#include "data/stream/order.h"

#include <math.h>
#include <stdlib.h>

#include "pipeline/base/random.h"

__extension__ typedef unsigned __int128 wide;

static uint64_t greatest_divisor(uint64_t a, uint64_t b) {
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

enum status order_mix_init(struct order_mix *mix, const double *ratios, int n, struct error *e) {
    if (n < 1 || n > ORDER_SOURCES_MAX)
        return fail(e, STATUS_BAD_ARG, "%d sources; expected 1 to %d", n, ORDER_SOURCES_MAX);
    double scale = 1;
    for (int i = 0; i < n; i++) {
        if (!(ratios[i] > 0 && ratios[i] <= 1e12))
            return fail(e, STATUS_BAD_ARG, "ratio %d is %g; expected more than 0, at most 1e12", i,
                        ratios[i]);
        if (ratios[i] != floor(ratios[i])) scale = 1e6;
    }
    *mix = (struct order_mix){.n = n};
    uint64_t divisor = 0;
    for (int i = 0; i < n; i++) {
        mix->ratio[i] = (uint64_t)(ratios[i] * scale + 0.5);
        if (!mix->ratio[i])
            return fail(e, STATUS_BAD_ARG, "ratio %d is %g; expected at least 1e-6", i, ratios[i]);
        divisor = greatest_divisor(mix->ratio[i], divisor);
    }
    for (int i = 0; i < n; i++) {
        mix->ratio[i] /= divisor;
        mix->total += mix->ratio[i];
    }
    return STATUS_OK;
}

/* Share of one source in the `draws` draws of it and the sources after it. Rounded to nearest, so
 * with each draw it grows by 0 or 1, and so does the rest for the others. (Rounding running sums of
 * the ratios would sometimes take a draw back.) */
static uint64_t share(uint64_t draws, uint64_t ratio, uint64_t total) {
    return (uint64_t)(((wide)2 * draws * ratio + total) / ((wide)2 * total));
}

uint64_t order_mix_count(const struct order_mix *mix, int source, uint64_t draws) {
    CHECK(source >= 0 && source < mix->n);
    uint64_t total = mix->total;
    for (int i = 0; i < source; i++) {
        draws -= share(draws, mix->ratio[i], total);
        total -= mix->ratio[i];
    }
    return share(draws, mix->ratio[source], total);
}

struct order_draw order_mix_draw(const struct order_mix *mix, uint64_t draw) {
    uint64_t before = draw, after = draw + 1, total = mix->total;
    for (int i = 0; i < mix->n - 1; i++) {
        uint64_t mine = share(before, mix->ratio[i], total);
        uint64_t then = share(after, mix->ratio[i], total);
        if (then > mine) return (struct order_draw){.source = i, .draw = mine};
        before -= mine;
        after -= then;
        total -= mix->ratio[i];
    }
    return (struct order_draw){.source = mix->n - 1, .draw = before};
}

/* How one epoch deals the shards. */
struct deal {
    bool is_known;
    uint64_t epoch;
    int *shard;     /* (n_shards) block after block, ascending in each */
    int64_t *first; /* (n_blocks + 1) draws of the epoch before each block */
};

struct order_sequence {
    uint64_t seed, source;
    int n_shards, n_blocks, block_shards;
    int64_t *first;      /* (n_shards + 1) samples before each shard */
    struct deal deal[2]; /* of even and of odd epochs */
};

enum status order_sequence_create(struct order_sequence **out, uint64_t seed, uint64_t source,
                                  const int64_t *n_samples, int n_shards, struct error *e) {
    struct order_sequence *q = calloc(1, sizeof *q);
    *out = NULL;
    CHECK(n_shards > 0);
    if (!q) return fail(e, STATUS_NO_MEMORY, "order: no memory");
    *q = (struct order_sequence){.seed = seed, .source = source, .n_shards = n_shards};
    q->first = calloc((size_t)n_shards + 1, sizeof *q->first);
    for (int i = 0; q->first && i < n_shards; i++) q->first[i + 1] = q->first[i] + n_samples[i];
    const int64_t total = q->first ? q->first[n_shards] : 1;
    CHECK(total > 0);
    const int64_t wanted = (ORDER_BLOCK_SAMPLES * (int64_t)n_shards + total - 1) / total;
    q->block_shards = wanted > n_shards               ? n_shards
                      : wanted > ORDER_BLOCK_SHARDS   ? (int)wanted
                      : n_shards < ORDER_BLOCK_SHARDS ? n_shards
                                                      : ORDER_BLOCK_SHARDS;
    q->n_blocks = (n_shards + q->block_shards - 1) / q->block_shards;
    bool good = q->first;
    for (int i = 0; i < 2; i++) {
        q->deal[i].shard = calloc((size_t)n_shards, sizeof *q->deal[i].shard);
        q->deal[i].first = calloc((size_t)q->n_blocks + 1, sizeof *q->deal[i].first);
        good = good && q->deal[i].shard && q->deal[i].first;
    }
    if (!good) {
        order_sequence_destroy(&q);
        return fail(e, STATUS_NO_MEMORY, "order: no memory for %d shards", n_shards);
    }
    *out = q;
    return STATUS_OK;
}

void order_sequence_destroy(struct order_sequence **sequence) {
    struct order_sequence *q = *sequence;
    if (!q) return;
    for (int i = 0; i < 2; i++) {
        free(q->deal[i].shard);
        free(q->deal[i].first);
    }
    free(q->first);
    free(q);
    *sequence = NULL;
}

static int compare_ints(const void *a, const void *b) {
    const int x = *(const int *)a, y = *(const int *)b;
    return x < y ? -1 : x > y;
}

static int block_size(const struct order_sequence *q, int block) {
    const int left = q->n_shards - block * q->block_shards;
    return left < q->block_shards ? left : q->block_shards;
}

static const struct deal *deal_of(struct order_sequence *q, uint64_t epoch) {
    struct deal *d = &q->deal[epoch % 2];
    if (d->is_known && d->epoch == epoch) return d;
    for (int i = 0; i < q->n_shards; i++)
        d->shard[i] = q->n_blocks == 1 ? i
                                       : (int)random_permute(q->seed, ~q->source, epoch,
                                                             (uint64_t)i, (uint64_t)q->n_shards);
    for (int b = 0; b < q->n_blocks; b++) {
        int *shard = d->shard + b * q->block_shards;
        qsort(shard, (size_t)block_size(q, b), sizeof *shard, compare_ints);
        d->first[b + 1] = d->first[b];
        for (int i = 0; i < block_size(q, b); i++)
            d->first[b + 1] += q->first[shard[i] + 1] - q->first[shard[i]];
    }
    d->epoch = epoch;
    d->is_known = true;
    return d;
}

/* The block of a draw within its epoch. */
static int block_of(const struct order_sequence *q, const struct deal *d, int64_t place) {
    int low = 0, high = q->n_blocks - 1;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (place < d->first[middle + 1])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

int64_t order_sequence_sample(struct order_sequence *q, uint64_t draw) {
    const uint64_t total = (uint64_t)q->first[q->n_shards], epoch = draw / total;
    const struct deal *d = deal_of(q, epoch);
    const int64_t place = (int64_t)(draw % total);
    const int block = block_of(q, d, place);
    const int64_t first = d->first[block], n = d->first[block + 1] - first;
    int64_t rest =
        (int64_t)random_permute(q->seed, q->source, epoch * (uint64_t)q->n_blocks + (uint64_t)block,
                                (uint64_t)(place - first), (uint64_t)n);
    const int *shard = d->shard + block * q->block_shards;
    while (rest >= q->first[*shard + 1] - q->first[*shard]) {
        rest -= q->first[*shard + 1] - q->first[*shard];
        shard++;
    }
    return q->first[*shard] + rest;
}

uint64_t order_sequence_block(struct order_sequence *q, uint64_t draw) {
    const uint64_t total = (uint64_t)q->first[q->n_shards], epoch = draw / total;
    const int block = block_of(q, deal_of(q, epoch), (int64_t)(draw % total));
    return epoch * (uint64_t)q->n_blocks + (uint64_t)block;
}

int order_sequence_shards(struct order_sequence *q, uint64_t block, const int **shards) {
    const int b = (int)(block % (uint64_t)q->n_blocks);
    *shards = deal_of(q, block / (uint64_t)q->n_blocks)->shard + b * q->block_shards;
    return block_size(q, b);
}
