/* Runs a fuzz target on every file of some folders, then on random changes of them.
 *   test_fuzz_X ROUNDS SEED FOLDER...      FOLDER may be a file that showed a fault
 * The target stops the program when a promise is broken; a sanitizer build watches memory. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/base/file.h"
#include "pipeline/base/random.h"
#include "pipeline/base/text.h"
#include "tests/check.h"
#include "tests/fuzz/fuzz.h"

enum { SEEDS_MAX = 512, BYTES_MAX = 64 << 10, DAMAGES_MAX = 4 };

static struct seed {
    char *bytes;
    size_t n;
} seeds[SEEDS_MAX];
static int n_seeds;

static void add_file(const char *path) {
    struct seed *s = &seeds[n_seeds];
    struct error e;
    if (text_ends_with(path, ".rgb")) return; /* expected pixels, beside pictures */
    if (!CHECK_TRUE(n_seeds < SEEDS_MAX)) return;
    if (CHECK_EQUAL(file_read_all(&s->bytes, &s->n, path, BYTES_MAX, &e), STATUS_OK)) n_seeds++;
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name); /* the same order under every locale */
}

static void add_place(const char *place) {
    struct dirent **entry;
    const int n = scandir(place, &entry, NULL, by_name);
    if (n < 0) add_file(place);
    for (int i = 0; i < n; i++) {
        char path[FILE_PATH_MAX];
        if (entry[i]->d_name[0] != '.' &&
            file_join(path, place, entry[i]->d_name, NULL) == STATUS_OK)
            add_file(path);
        free(entry[i]);
    }
    if (n >= 0) free(entry);
}

/* One random change; the size may change too. */
static size_t damage(uint8_t *bytes, size_t n, struct random *random) {
    static const uint8_t telling[] = {0,    1,    0x7F, 0x80, 0xFF, 0xC0,
                                      0xC4, 0xD9, 0xDA, '"',  '{',  '9'};
    if (!n) {
        bytes[0] = (uint8_t)random_u32(random);
        return 1;
    }
    size_t at = random_below(random, n), length = 1 + random_below(random, 16);
    if (length > n - at) length = n - at;
    switch (random_below(random, 7)) {
    case 0:
        bytes[at] ^= (uint8_t)(1u << random_below(random, 8));
        break;
    case 1:
        bytes[at] = telling[random_below(random, sizeof telling)];
        break;
    case 2:
        for (size_t i = 0; i < length; i++) bytes[at + i] = (uint8_t)random_u32(random);
        break;
    case 3: /* leave out */
        memmove(bytes + at, bytes + at + length, n - at - length);
        return n - length;
    case 4: /* say twice */
        if (n + length > BYTES_MAX) break;
        memmove(bytes + at + length, bytes + at, n - at);
        return n + length;
    case 5: /* go on as another seed does */ {
        const struct seed *other = &seeds[random_below(random, (uint64_t)n_seeds)];
        const size_t from = random_below(random, other->n + 1);
        const size_t more = other->n - from < BYTES_MAX - at ? other->n - from : BYTES_MAX - at;
        memcpy(bytes + at, other->bytes + from, more);
        return at + more;
    }
    default:
        memset(bytes + at, random_u32(random) & 1 ? 0xFF : 0, length);
    }
    return n;
}

static void run(const void *bytes, size_t n) {
    uint8_t *exact = malloc(n ? n : 1); /* so that one byte too far is seen */
    if (n) memcpy(exact, bytes, n);
    CHECK_EQUAL(LLVMFuzzerTestOneInput(exact, n), 0);
    free(exact);
}

int main(int argc, char **argv) {
    const int64_t rounds = argc > 1 ? strtoll(argv[1], NULL, 0) : 0;
    const uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    struct random random = random_begin(seed, RANDOM_TEST, 2, 0);
    for (int i = 3; i < argc; i++) add_place(argv[i]);
    printf("%d seeds, %" PRId64 " changes of them, random seed %" PRIu64 "\n", n_seeds, rounds,
           seed);
    for (int i = 0; i < n_seeds; i++) run(seeds[i].bytes, seeds[i].n);
    for (int64_t round = 0; round < rounds && n_seeds; round++) {
        static uint8_t bytes[BYTES_MAX + 1];
        const struct seed *s = &seeds[round % n_seeds];
        size_t n = s->n;
        memcpy(bytes, s->bytes, n);
        for (uint64_t k = random_below(&random, DAMAGES_MAX) + 1; k; k--)
            n = damage(bytes, n, &random);
        run(bytes, n);
    }
    for (int i = 0; i < n_seeds; i++) free(seeds[i].bytes);
    return check_report();
}
