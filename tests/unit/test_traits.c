/* What a text may take from a device, and what it says of one. */
#include "models/traits.h"
#include "tests/check.h"

#include <string.h>

static const struct traits device = {
    .tier = 1, .subgroup = 32, .threads = 1024, .shared_bytes = 49152, .groups = 128};

static void test_mask(const char *text, const char *expected) {
    struct traits t = device;
    struct error e = {.text = ""};
    char found[TRAITS_TEXT];
    CHECK_EQUAL(traits_mask(&t, text, &e), STATUS_OK);
    traits_describe(found, &t);
    CHECK_TEXT(found, expected);
}

static void test_wrong(const char *text) {
    struct traits t = device;
    struct error e = {.text = ""};
    CHECK_EQUAL(traits_mask(&t, text, &e), STATUS_BAD_ARG);
    CHECK_TRUE(strstr(e.text, "expected `tier=`") != NULL);
}

int main(void) {
    test_mask("", "tier 1, subgroup 32, threads 1024, shared 49152, groups 128");
    test_mask("tier=0", "tier 0, subgroup 32, threads 1024, shared 49152, groups 128");
    test_mask("subgroup=16", "tier 1, subgroup 0, threads 1024, shared 49152, groups 128");
    test_mask("subgroup=32", "tier 1, subgroup 32, threads 1024, shared 49152, groups 128");
    test_mask("shared=16384 threads=128",
              "tier 1, subgroup 32, threads 128, shared 16384, groups 128");
    test_mask("tier=3 shared=65536", "tier 1, subgroup 32, threads 1024, shared 49152, groups 128");
    test_mask("groups=1", "tier 1, subgroup 32, threads 1024, shared 49152, groups 1");
    test_wrong("tiers=0");
    test_wrong("tie=0");
    test_wrong("tier");
    test_wrong("tier=");
    test_wrong("tier=-1");
    test_wrong("tier=0,subgroup=0");
    test_wrong("shared=99999999999");
    return check_report();
}
