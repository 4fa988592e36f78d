#include "data/order.h"

#include <math.h>

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

/* Share of one source in `draws` draws that it and the sources after it have among them: rounded to
 * nearest, so it grows by 0 or 1 with each draw, and what is left for the others does too.
 * (Rounding the running sums of the ratios instead would take draws back now and then.) */
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

uint64_t order_sample(uint64_t seed, uint64_t source, uint64_t draw, uint64_t n) {
    return random_permute(seed, source, draw / n, draw % n, n);
}
