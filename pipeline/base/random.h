/* random: the counter-based generator behind every random choice of the program.
 *
 * Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): a value is a
 * function of (seed, stream, index), so it does not depend on threads, on how far a loader ran
 * ahead, or on where a run was interrupted. Only the seed needs saving. */
#ifndef PIPELINE_BASE_RANDOM_H
#define PIPELINE_BASE_RANDOM_H

#include <stdint.h>

/* What the numbers are for. Two purposes never share numbers. */
enum random_purpose {
    RANDOM_INIT = 1, /* initial weights; a = hash of the tensor's name */
    RANDOM_ORDER,    /* sample order; a = source, b = epoch */
    RANDOM_MIX,      /* choice of the source of a draw */
    RANDOM_AUGMENT,  /* a = sample id, b = (step << 8) | view */
    RANDOM_CAPTION,  /* choice among captions, tag dropout; a = sample id, b = step */
    RANDOM_METHOD,   /* continual-learning methods; a = method's own number, b = step */
    RANDOM_TEST,
};

/* A position in one stream of numbers. Copying it repeats the numbers. */
struct random {
    uint32_t key[2];
    uint32_t counter[4]; /* counter[0] counts blocks of four */
    uint32_t block[4];
    int used; /* numbers of block already returned */
};

/* Starts the stream of (seed, purpose, a, b). */
struct random random_begin(uint64_t seed, enum random_purpose purpose, uint64_t a, uint64_t b);

uint32_t random_u32(struct random *r);
uint64_t random_u64(struct random *r);
/* Uniform in [0, 1): 24 bits, exact in float. */
float random_float(struct random *r);
/* Uniform in [low, high). */
float random_range(struct random *r, float low, float high);
/* Uniform in [0, n), without bias; n > 0. */
uint64_t random_below(struct random *r, uint64_t n);
/* Normal with mean 0 and deviation 1 (Box-Muller, evaluated in double). */
float random_normal(struct random *r);

/* Position of item i in a keyed permutation of [0, n): a Feistel network over the next power of
 * four, with cycle walking. Takes O(1) memory; different i give different positions. i < n, n >
 * 0. */
uint64_t random_permute(uint64_t seed, uint64_t a, uint64_t b, uint64_t i, uint64_t n);

#endif
