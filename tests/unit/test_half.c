/* Rounding to 16 bits and back. Half precision: numpy 1.24's astype(float16), and its
 * astype(float32) back. bfloat16: the nearer of the two neighbours in exact arithmetic, the even
 * one of a tie. */
#include "models/half.h"
#include "tests/check.h"

#include <stdio.h>
#include <string.h>

static float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void test_round(void) {
    static const struct {
        uint32_t f32;
        uint16_t f16, bf16;
    } cases[] = {
        {0x00000000, 0x0000, 0x0000},
        {0x80000000, 0x8000, 0x8000},
        {0x3f800000, 0x3c00, 0x3f80},
        {0xbf800000, 0xbc00, 0xbf80},
        {0x3f801000, 0x3c00, 0x3f80},
        {0x3f803000, 0x3c02, 0x3f80},
        {0x3f800fff, 0x3c00, 0x3f80},
        {0x3f801001, 0x3c01, 0x3f80},
        {0x3f808000, 0x3c04, 0x3f80},
        {0x3f818000, 0x3c0c, 0x3f82},
        {0x3f807fff, 0x3c04, 0x3f80},
        {0x3f808001, 0x3c04, 0x3f81},
        {0x477fefff, 0x7bff, 0x4780},
        {0x477ff000, 0x7c00, 0x4780},
        {0x47800000, 0x7c00, 0x4780},
        {0x7f7fffff, 0x7c00, 0x7f80},
        {0x7f7f8000, 0x7c00, 0x7f80},
        {0x7f7f7fff, 0x7c00, 0x7f7f},
        {0x7f800000, 0x7c00, 0x7f80},
        {0xff800000, 0xfc00, 0xff80},
        {0x7fc00000, 0x7e00, 0x7fc0},
        {0x33800000, 0x0001, 0x3380},
        {0x33000000, 0x0000, 0x3300},
        {0x33000001, 0x0001, 0x3300},
        {0x33c00000, 0x0002, 0x33c0},
        {0x387fc000, 0x03ff, 0x3880},
        {0x387fe000, 0x0400, 0x3880},
        {0x387fffff, 0x0400, 0x3880},
        {0x38800000, 0x0400, 0x3880},
        {0x38801000, 0x0400, 0x3880},
        {0xb3a00000, 0x8001, 0xb3a0},
        {0x32ffffff, 0x0000, 0x3300},
        {0x00000001, 0x0000, 0x0000},
        {0x00008000, 0x0000, 0x0000},
        {0x00018000, 0x0000, 0x0002},
        {0x80017fff, 0x8000, 0x8001},
        {0x42f6e979, 0x57b7, 0x42f7},
        {0xc0490fdb, 0xc248, 0xc049},
        {0x3eaaaaab, 0x3555, 0x3eab},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const float value = float_of(cases[i].f32);
        uint16_t rounded;
        if (!CHECK_EQUAL(half_f16(value), cases[i].f16)) printf("of 0x%08x\n", cases[i].f32);
        if (!CHECK_EQUAL(half_bf16(value), cases[i].bf16)) printf("of 0x%08x\n", cases[i].f32);
        half_round(&rounded, &value, 1, TENSOR_F16);
        CHECK_EQUAL(rounded, cases[i].f16);
        half_round(&rounded, &value, 1, TENSOR_BF16);
        CHECK_EQUAL(rounded, cases[i].bf16);
    }
}

static void test_widen(void) {
    static const struct {
        uint16_t f16;
        uint32_t f32;
    } cases[] = {
        {0x0000, 0x00000000},
        {0x8000, 0x80000000},
        {0x0001, 0x33800000},
        {0x8001, 0xb3800000},
        {0x03ff, 0x387fc000},
        {0x0400, 0x38800000},
        {0x3c00, 0x3f800000},
        {0x3555, 0x3eaaa000},
        {0x7bff, 0x477fe000},
        {0x7c00, 0x7f800000},
        {0xfc00, 0xff800000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK_EQUAL(bits_of(half_f16_wide(cases[i].f16)), cases[i].f32);
    CHECK_EQUAL(bits_of(half_bf16_wide(0xbf81)), 0xbf810000);
    /* Every number comes back as it was; what is not a number stays so. */
    int n_f16 = 0, n_bf16 = 0;
    for (uint32_t i = 0; i < 65536; i++) {
        const uint16_t half = (uint16_t)i;
        float wide[2];
        half_widen(wide, &half, 1, TENSOR_F16);
        half_widen(wide + 1, &half, 1, TENSOR_BF16);
        const bool is_f16_nan = (half & 0x7fff) > 0x7c00, is_bf16_nan = (half & 0x7fff) > 0x7f80;
        n_f16 += is_f16_nan ? wide[0] != wide[0] : half_f16(wide[0]) == half;
        n_bf16 += is_bf16_nan ? wide[1] != wide[1] : half_bf16(wide[1]) == half;
    }
    CHECK_EQUAL(n_f16, 65536);
    CHECK_EQUAL(n_bf16, 65536);
}

int main(void) {
    test_round();
    test_widen();
    return check_report();
}
