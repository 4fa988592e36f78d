#include "pipeline/base/random.h"

#include <math.h>

static void philox_round(uint32_t c[4], const uint32_t k[2]) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c[0];
    uint64_t p1 = (uint64_t)0xCD9E8D57u * c[2];
    uint32_t hi0 = (uint32_t)(p0 >> 32), lo0 = (uint32_t)p0;
    uint32_t hi1 = (uint32_t)(p1 >> 32), lo1 = (uint32_t)p1;
    uint32_t n0 = hi1 ^ c[1] ^ k[0], n2 = hi0 ^ c[3] ^ k[1];
    c[0] = n0;
    c[1] = lo1;
    c[2] = n2;
    c[3] = lo0;
}

static void philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t k[2] = {key[0], key[1]};
    for (int i = 0; i < 4; i++) out[i] = counter[i];
    for (int i = 0; i < 10; i++) {
        philox_round(out, k);
        k[0] += 0x9E3779B9u;
        k[1] += 0xBB67AE85u;
    }
}

/* Finaliser of splitmix64: spreads (seed, purpose, a, b) over key and counter. */
static uint64_t mix(uint64_t x) {
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

struct random random_begin(uint64_t seed, enum random_purpose purpose, uint64_t a, uint64_t b) {
    uint64_t key = mix(seed ^ mix((uint64_t)purpose));
    uint64_t high = mix(a ^ mix(b ^ mix(key)));
    struct random r = {.key = {(uint32_t)key, (uint32_t)(key >> 32)},
                       .counter = {0, (uint32_t)b, (uint32_t)high, (uint32_t)(high >> 32)},
                       .used = 4};
    return r;
}

uint32_t random_u32(struct random *r) {
    if (r->used == 4) {
        philox(r->counter, r->key, r->block);
        r->counter[0]++;
        r->used = 0;
    }
    return r->block[r->used++];
}

uint64_t random_u64(struct random *r) {
    uint64_t low = random_u32(r);
    return low | (uint64_t)random_u32(r) << 32;
}

float random_float(struct random *r) {
    return (float)(random_u32(r) >> 8) * 0x1p-24f;
}

float random_range(struct random *r, float low, float high) {
    return low + (high - low) * random_float(r);
}

uint64_t random_below(struct random *r, uint64_t n) {
    uint64_t limit = UINT64_MAX - UINT64_MAX % n; /* a multiple of n */
    uint64_t x;
    do x = random_u64(r);
    while (x >= limit);
    return x % n;
}

float random_normal(struct random *r) {
    const double tau = 6.283185307179586476925;
    double u = ((double)random_u32(r) + 0.5) * 0x1p-32;
    double v = (double)random_u32(r) * 0x1p-32;
    return (float)(sqrt(-2.0 * log(u)) * cos(tau * v));
}

uint64_t random_permute(uint64_t seed, uint64_t a, uint64_t b, uint64_t i, uint64_t n) {
    int half = 1; /* bits of one half of the Feistel network */
    while (half < 32 && (uint64_t)1 << (2 * half) < n) half++;
    const uint64_t mask = ((uint64_t)1 << half) - 1;
    const uint64_t key = mix(seed ^ mix((uint64_t)RANDOM_ORDER ^ mix(a ^ mix(b))));
    do {
        uint64_t left = i >> half, right = i & mask;
        for (uint64_t round = 0; round < 8; round++) {
            uint64_t next = left ^ (mix(key ^ mix(right ^ round << 56)) & mask);
            left = right;
            right = next;
        }
        i = left << half | right;
    } while (i >= n);
    return i;
}
