#include "models/ops/blas_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum rank { RANK_SSE, RANK_AVX, RANK_AVX2, RANK_AVX512, N_RANKS };

enum { NEEDS_AVX512 = BLAS_CORE_AVX | BLAS_CORE_AVX2 | BLAS_CORE_AVX512 };

/* Cooperlake and SapphireRapids add bfloat16 to SkylakeX; in fp32 the three have the same kernels.
 * The cores from Bulldozer to Excavator use FMA4, which only those AMD CPUs have. */
static const struct core {
    const char *name;
    enum rank rank;
    unsigned needs;
} table[] = {
    {"Prescott", RANK_SSE, 0},
    {"Core2", RANK_SSE, 0},
    {"Penryn", RANK_SSE, 0},
    {"Dunnington", RANK_SSE, 0},
    {"Atom", RANK_SSE, 0},
    {"Nano", RANK_SSE, 0},
    {"Nehalem", RANK_SSE, 0},
    {"Opteron", RANK_SSE, 0},
    {"Opteron_SSE3", RANK_SSE, 0},
    {"Barcelona", RANK_SSE, 0},
    {"Bobcat", RANK_SSE, 0},
    {"Sandybridge", RANK_AVX, BLAS_CORE_AVX},
    {"Bulldozer", RANK_AVX, BLAS_CORE_AVX | BLAS_CORE_FMA4},
    {"Piledriver", RANK_AVX, BLAS_CORE_AVX | BLAS_CORE_FMA4},
    {"Steamroller", RANK_AVX, BLAS_CORE_AVX | BLAS_CORE_FMA4},
    {"Excavator", RANK_AVX2, BLAS_CORE_AVX | BLAS_CORE_AVX2 | BLAS_CORE_FMA4},
    {"Haswell", RANK_AVX2, BLAS_CORE_AVX | BLAS_CORE_AVX2},
    {"Zen", RANK_AVX2, BLAS_CORE_AVX | BLAS_CORE_AVX2},
    {"SkylakeX", RANK_AVX512, NEEDS_AVX512},
    {"Cooperlake", RANK_AVX512, NEEDS_AVX512 | BLAS_CORE_BF16},
    {"SapphireRapids", RANK_AVX512, NEEDS_AVX512 | BLAS_CORE_BF16},
};

/* The core to take from a rank that the library did not choose. */
static const char *const usual[N_RANKS] = {"Prescott", "Sandybridge", "Haswell", "SkylakeX"};

static const struct core *find(const char *name) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!strcasecmp(table[i].name, name)) return &table[i];
    return NULL;
}

unsigned blas_core_features(void) {
    unsigned f = 0;
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx")) f |= BLAS_CORE_AVX;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
        __builtin_cpu_supports("bmi2"))
        f |= BLAS_CORE_AVX2;
    if (__builtin_cpu_supports("fma4")) f |= BLAS_CORE_FMA4;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512cd"))
        f |= BLAS_CORE_AVX512;
    if (__builtin_cpu_supports("avx512bf16")) f |= BLAS_CORE_BF16;
#endif
    return f;
}

const char *blas_core_choose(unsigned features, const char *library, const char *failed) {
    const struct core *own = find(library), *last = failed ? find(failed) : NULL;
    if (!own || (failed && !last)) return failed ? NULL : library;
    for (int rank = (last ? (int)last->rank : N_RANKS) - 1; rank >= 0; rank--) {
        if (rank == (int)own->rank) return own->name;
        if (!blas_core_missing(features, usual[rank])) return usual[rank];
    }
    return NULL;
}

const char *blas_core_missing(unsigned features, const char *core) {
    static const struct {
        unsigned feature;
        const char *name;
    } names[] = {{BLAS_CORE_FMA4, "FMA4"},
                 {BLAS_CORE_AVX, "AVX"},
                 {BLAS_CORE_AVX2, "AVX2 with FMA"},
                 {BLAS_CORE_AVX512, "AVX-512"},
                 {BLAS_CORE_BF16, "AVX512_BF16"}};
    const struct core *c = find(core);
    for (size_t i = 0; c && i < sizeof names / sizeof *names; i++)
        if (c->needs & ~features & names[i].feature) return names[i].name;
    return NULL;
}

/* The environment: set by the user or by choose_core. */
static struct setting {
    const char *forced;  /* core forced by the user; NULL: none */
    const char *library; /* set if choose_core forced a core, see BLAS_CORE_GUARD */
    const char *wrong;
    int library_chars;
} setting_read(void) {
    struct setting s = {.forced = getenv(BLAS_CORE_VARIABLE)};
    s.library = s.forced ? getenv(BLAS_CORE_GUARD) : NULL;
    if (!s.library) return s;
    s.forced = NULL;
    s.library_chars = (int)strcspn(s.library, ",");
    if (s.library[s.library_chars]) s.wrong = s.library + s.library_chars + 1;
    return s;
}

void blas_core_describe(char text[BLAS_CORE_TEXT], const char *running) {
    const struct setting s = setting_read();
    if (s.forced)
        snprintf(text, BLAS_CORE_TEXT, "OpenBLAS with %s kernels, chosen by %s=%s", running,
                 BLAS_CORE_VARIABLE, s.forced);
    else if (s.library)
        snprintf(text, BLAS_CORE_TEXT,
                 "OpenBLAS with %s kernels, chosen by the CPU's features; its own choice is %.*s",
                 running, s.library_chars, s.library);
    else
        snprintf(text, BLAS_CORE_TEXT, "OpenBLAS with %s kernels, its own choice", running);
}

bool blas_core_advise(char text[BLAS_CORE_TEXT], const char *running) {
    const struct setting s = setting_read();
    const char *better = blas_core_choose(blas_core_features(), running, NULL);
    const bool is_best = !strcasecmp(better, running);
    if (s.wrong)
        snprintf(text, BLAS_CORE_TEXT,
                 "OpenBLAS's kernels for %s compute wrongly on this CPU; those for %s take their "
                 "place and may be slower; install another version of OpenBLAS",
                 s.wrong, running);
    else if (s.forced && strcasecmp(s.forced, running) != 0)
        snprintf(text, BLAS_CORE_TEXT,
                 "%s=%.64s: this OpenBLAS has no kernels of that name and took those for %s; "
                 "correct the name or unset the variable",
                 BLAS_CORE_VARIABLE, s.forced, running);
    else if (s.forced && !is_best)
        snprintf(text, BLAS_CORE_TEXT,
                 "%s=%s: the %s kernels are several times slower than those for %s, which this CPU "
                 "can run; unset the variable, unless a run began with these kernels",
                 BLAS_CORE_VARIABLE, s.forced, running, better);
    else if (!s.library && !is_best)
        snprintf(text, BLAS_CORE_TEXT,
                 "OpenBLAS chose %s kernels, several times slower than those for %s, which this "
                 "CPU can run; set %s=%s",
                 running, better, BLAS_CORE_VARIABLE, better);
    else
        return false;
    return true;
}
