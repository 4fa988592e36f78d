/* Which kernels a CPU gets, by its features and by what OpenBLAS chose. The choices of OpenBLAS are
 * those of version 0.3.21 (driver/others/dynamic.c). */
#include "models/ops/blas_core.h"
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

enum {
    OLD = 0,
    AVX = BLAS_CORE_AVX,
    AVX2 = AVX | BLAS_CORE_AVX2,
    EXCAVATOR = AVX2 | BLAS_CORE_FMA4,
    AVX512 = AVX2 | BLAS_CORE_AVX512,
    BF16 = AVX512 | BLAS_CORE_BF16
};

static void test_choice(void) {
    static const struct {
        const char *cpu;
        unsigned features;
        const char *library, *failed, *expected;
    } cases[] = {
        {"Emerald Rapids", BF16, "Prescott", NULL, "SkylakeX"},
        {"Meteor Lake", AVX2, "Prescott", NULL, "Haswell"},
        {"Zen 5, unknown", BF16, "Prescott", NULL, "SkylakeX"},
        {"Zen 5, taken for an old CPU of AMD", BF16, "Barcelona", NULL, "SkylakeX"},
        {"Zen 4, taken for Zen 3", BF16, "Zen", NULL, "SkylakeX"},
        {"Zen 3", AVX2, "Zen", NULL, "Zen"},
        {"Haswell", AVX2, "Haswell", NULL, "Haswell"},
        {"Skylake server", AVX512, "SkylakeX", NULL, "SkylakeX"},
        {"Cooper Lake", BF16, "Cooperlake", NULL, "Cooperlake"},
        {"Sapphire Rapids", BF16, "SapphireRapids", NULL, "SapphireRapids"},
        {"Sapphire Rapids where AVX-512 is hidden", AVX2, "Sandybridge", NULL, "Haswell"},
        {"Excavator", EXCAVATOR, "Excavator", NULL, "Excavator"},
        {"an unknown one with AVX alone", AVX, "Nehalem", NULL, "Sandybridge"},
        {"Ivy Bridge", AVX, "Sandybridge", NULL, "Sandybridge"},
        {"Piledriver", AVX | BLAS_CORE_FMA4, "Piledriver", NULL, "Piledriver"},
        {"Core 2", OLD, "Core2", NULL, "Core2"},
        {"Prescott", OLD, "Prescott", NULL, "Prescott"},
        {"ARM", OLD, "neoversen1", NULL, "neoversen1"},
        {"ARM, wrong", OLD, "neoversen1", "neoversen1", NULL},
        /* Down to the last one. */
        {"Emerald Rapids, wrong", BF16, "Prescott", "SkylakeX", "Haswell"},
        {"Emerald Rapids, two wrong", BF16, "Prescott", "Haswell", "Sandybridge"},
        {"Emerald Rapids, three wrong", BF16, "Prescott", "Sandybridge", "Prescott"},
        {"Emerald Rapids, all wrong", BF16, "Prescott", "Prescott", NULL},
        {"Zen 4, wrong", BF16, "Zen", "SkylakeX", "Zen"},
        {"Zen 3, wrong", AVX2, "Zen", "Zen", "Sandybridge"},
        {"Core 2, wrong", OLD, "Core2", "Core2", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *found =
            blas_core_choose(cases[i].features, cases[i].library, cases[i].failed);
        if (cases[i].expected)
            check_text(found ? found : "none", cases[i].expected, __FILE__, __LINE__, cases[i].cpu);
        else
            check_true(!found, __FILE__, __LINE__, cases[i].cpu);
    }
}

static void test_missing(void) {
    CHECK_TRUE(!blas_core_missing(AVX512, "SkylakeX"));
    CHECK_TEXT(blas_core_missing(AVX2, "SkylakeX"), "AVX-512");
    CHECK_TEXT(blas_core_missing(AVX2, "skylakex"), "AVX-512"); /* as OpenBLAS reads it */
    CHECK_TEXT(blas_core_missing(AVX512, "Cooperlake"), "AVX512_BF16");
    CHECK_TEXT(blas_core_missing(AVX, "Zen"), "AVX2 with FMA");
    CHECK_TEXT(blas_core_missing(OLD, "Sandybridge"), "AVX");
    CHECK_TEXT(blas_core_missing(AVX512, "Bulldozer"), "FMA4");
    CHECK_TRUE(!blas_core_missing(OLD, "Nehalem"));
    CHECK_TRUE(!blas_core_missing(OLD, "neoversen1"));
}

/* has TEXT PART... */
static void has(const char *text, const char *part) {
    if (!check_true(strstr(text, part) != NULL, __FILE__, __LINE__, part))
        check_text(text, part, __FILE__, __LINE__, "text");
}

static void test_texts(void) {
    char text[BLAS_CORE_TEXT];
    const char *best = blas_core_choose(blas_core_features(), "Prescott", NULL);
    const bool is_fast = strcmp(best, "Prescott") != 0;
    unsetenv(BLAS_CORE_VARIABLE);
    setenv(BLAS_CORE_GUARD, "Prescott", 1); /* says nothing alone */
    blas_core_describe(text, "Zen");
    CHECK_TEXT(text, "OpenBLAS with Zen kernels, its own choice");
    CHECK_TRUE(!blas_core_advise(text, best));
    CHECK_TRUE(blas_core_advise(text, "Prescott") == is_fast);
    if (is_fast) has(text, "OpenBLAS chose Prescott kernels, several times slower");

    setenv(BLAS_CORE_VARIABLE, best, 1);
    blas_core_describe(text, best);
    has(text, "chosen by the CPU's features; its own choice is Prescott");
    CHECK_TRUE(!blas_core_advise(text, best));
    setenv(BLAS_CORE_GUARD, "Prescott,SkylakeX,Haswell", 1);
    blas_core_describe(text, "Sandybridge");
    has(text, "Sandybridge kernels, chosen by the CPU's features; its own choice is Prescott");
    CHECK_TRUE(blas_core_advise(text, "Sandybridge"));
    has(text, "kernels for SkylakeX,Haswell compute wrongly");

    unsetenv(BLAS_CORE_GUARD);
    setenv(BLAS_CORE_VARIABLE, "prescott", 1);
    blas_core_describe(text, "Prescott");
    CHECK_TEXT(text, "OpenBLAS with Prescott kernels, chosen by OPENBLAS_CORETYPE=prescott");
    CHECK_TRUE(blas_core_advise(text, "Prescott") == is_fast);
    if (is_fast) has(text, "OPENBLAS_CORETYPE=prescott: the Prescott kernels are several times");
    setenv(BLAS_CORE_VARIABLE, "neoversen1", 1);
    CHECK_TRUE(!blas_core_advise(text, "neoversen1"));
    setenv(BLAS_CORE_VARIABLE, "Nonsense", 1);
    CHECK_TRUE(blas_core_advise(text, best));
    has(text, "OPENBLAS_CORETYPE=Nonsense: this OpenBLAS has no kernels of that name and took");
    setenv(BLAS_CORE_VARIABLE, "", 1);
    CHECK_TRUE(blas_core_advise(text, best));
}

int main(void) {
    test_choice();
    test_missing();
    test_texts();
    return check_report();
}
