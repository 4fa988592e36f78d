#include "data/images/resize_kernels.h"

#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#endif

static const int32_t half = 1 << (RESIZE_WEIGHT_BITS - 1);

static uint8_t to_byte(int32_t sum) {
    sum >>= RESIZE_WEIGHT_BITS;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

static void rows_plain(uint8_t *out, size_t out_stride, const uint8_t *in, size_t in_stride,
                       const struct resize_taps *taps) {
    for (int r = 0; r < RESIZE_ROWS; r++, in += in_stride, out += out_stride)
        for (int i = 0; i < taps->n; i++) {
            const int32_t *w = taps->weight + (size_t)i * (size_t)taps->room;
            const uint8_t *p = in + (size_t)taps->first[i] * 3;
            int32_t red = half, green = half, blue = half;
            for (int k = 0; k < taps->count[i]; k++, p += 3) {
                red += w[k] * p[0];
                green += w[k] * p[1];
                blue += w[k] * p[2];
            }
            out[3 * i] = to_byte(red);
            out[3 * i + 1] = to_byte(green);
            out[3 * i + 2] = to_byte(blue);
        }
}

static void column_plain(uint8_t *restrict out, const uint8_t *restrict in, size_t stride, size_t n,
                         const struct resize_taps *taps, int i) {
    enum { LANES = RESIZE_PADDING }; /* sums in registers; the last may be padding */
    const int32_t *w = taps->weight + (size_t)i * (size_t)taps->room;
    in += (size_t)taps->first[i] * stride;
    for (size_t start = 0; start < n; start += LANES) {
        const size_t lanes = n - start < LANES ? n - start : LANES;
        int32_t sum[LANES];
        for (int j = 0; j < LANES; j++) sum[j] = half;
        for (int k = 0; k < taps->count[i]; k++) {
            const uint8_t *p = in + (size_t)k * stride + start;
            for (int j = 0; j < LANES; j++) sum[j] += w[k] * p[j];
        }
        for (size_t j = 0; j < lanes; j++) out[start + j] = to_byte(sum[j]);
    }
}

const struct resize_kernels resize_kernels_plain = {.rows = rows_plain, .column = column_plain};

#if defined(__x86_64__) && defined(__GNUC__)
#define AVX2 __attribute__((target("avx2")))

/* Two taps from place k on, the same in all pairs of the vector. k is even. */
AVX2 static __m256i pair(const int16_t *weight, int k) {
    int32_t both;
    memcpy(&both, weight + k, sizeof both);
    return _mm256_set1_epi32(both);
}

AVX2 static __m256i two_rows(const uint8_t *p, size_t stride) {
    const __m128i a = _mm_loadu_si128((const void *)p);
    const __m128i b = _mm_loadu_si128((const void *)(p + stride));
    return _mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1);
}

/* Adds the products of the pairs in q to the sums of the high and of the low parts. */
#define ADD_PRODUCTS(high_sum, low_sum, q, high, low)                                              \
    do {                                                                                           \
        high_sum = _mm256_add_epi32(high_sum, _mm256_madd_epi16(q, high));                         \
        low_sum = _mm256_add_epi32(low_sum, _mm256_madd_epi16(q, low));                            \
    } while (0)

AVX2 static __m256i whole(__m256i high_sum, __m256i low_sum) {
    const __m256i sum = _mm256_add_epi32(_mm256_slli_epi32(high_sum, RESIZE_LOW_BITS), low_sum);
    return _mm256_srai_epi32(sum, RESIZE_WEIGHT_BITS);
}

static void put_pixel(uint8_t *out, int32_t pixel) {
    memcpy(out, &pixel, sizeof pixel); /* the next pixel overwrites the fourth byte */
}

/* Four taps of a row are 12 bytes of its pixels: these shuffles make the pairs (r0 r1, g0 g1,
 * b0 b1, 0 0) and the same of taps 2 and 3. */
#define FIRST_TWO _mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1)
#define LAST_TWO _mm_setr_epi8(6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1)

/* A vector holds two rows. */
AVX2 static void rows_avx2(uint8_t *out, size_t out_stride, const uint8_t *in, size_t in_stride,
                           const struct resize_taps *taps) {
    const __m256i first_two = _mm256_broadcastsi128_si256(FIRST_TWO);
    const __m256i last_two = _mm256_broadcastsi128_si256(LAST_TWO);
    for (int i = 0; i < taps->n; i++, out += 3) {
        const uint8_t *p = in + (size_t)taps->first[i] * 3;
        const int16_t *high = taps->high + (size_t)i * (size_t)taps->room;
        const int16_t *low = taps->low + (size_t)i * (size_t)taps->room;
        __m256i high_a = _mm256_setzero_si256(), low_a = _mm256_set1_epi32(half);
        __m256i high_b = high_a, low_b = low_a;
        for (int k = 0; k < taps->count[i]; k += 4, p += 12) {
            const __m256i a = two_rows(p, in_stride);
            const __m256i b = two_rows(p + 2 * in_stride, in_stride);
            __m256i w_high = pair(high, k), w_low = pair(low, k);
            ADD_PRODUCTS(high_a, low_a, _mm256_shuffle_epi8(a, first_two), w_high, w_low);
            ADD_PRODUCTS(high_b, low_b, _mm256_shuffle_epi8(b, first_two), w_high, w_low);
            w_high = pair(high, k + 2);
            w_low = pair(low, k + 2);
            ADD_PRODUCTS(high_a, low_a, _mm256_shuffle_epi8(a, last_two), w_high, w_low);
            ADD_PRODUCTS(high_b, low_b, _mm256_shuffle_epi8(b, last_two), w_high, w_low);
        }
        const __m256i words = _mm256_packs_epi32(whole(high_a, low_a), whole(high_b, low_b));
        const __m256i bytes = _mm256_packus_epi16(words, words);
        const __m128i even = _mm256_castsi256_si128(bytes);
        const __m128i odd = _mm256_extracti128_si256(bytes, 1);
        put_pixel(out, _mm_cvtsi128_si32(even));
        put_pixel(out + out_stride, _mm_cvtsi128_si32(odd));
        put_pixel(out + 2 * out_stride, _mm_extract_epi32(even, 1));
        put_pixel(out + 3 * out_stride, _mm_extract_epi32(odd, 1));
    }
}

/* 32 bytes of two rows at a time, interleaved to pairs. */
AVX2 static void column_avx2(uint8_t *out, const uint8_t *in, size_t stride, size_t n,
                             const struct resize_taps *taps, int i) {
    enum { LANES = 32 };
    const int16_t *high = taps->high + (size_t)i * (size_t)taps->room;
    const int16_t *low = taps->low + (size_t)i * (size_t)taps->room;
    const __m256i zero = _mm256_setzero_si256(), round = _mm256_set1_epi32(half);
    in += (size_t)taps->first[i] * stride;
    for (size_t start = 0; start < n; start += LANES) {
        __m256i high_a = zero, high_b = zero, high_c = zero, high_d = zero;
        __m256i low_a = round, low_b = round, low_c = round, low_d = round;
        const uint8_t *p = in + start;
        for (int k = 0; k < taps->count[i]; k += 2, p += 2 * stride) {
            const __m256i one = _mm256_loadu_si256((const void *)p);
            const __m256i two = _mm256_loadu_si256((const void *)(p + stride));
            const __m256i left = _mm256_unpacklo_epi8(one, two);
            const __m256i right = _mm256_unpackhi_epi8(one, two);
            const __m256i w_high = pair(high, k), w_low = pair(low, k);
            ADD_PRODUCTS(high_a, low_a, _mm256_unpacklo_epi8(left, zero), w_high, w_low);
            ADD_PRODUCTS(high_b, low_b, _mm256_unpackhi_epi8(left, zero), w_high, w_low);
            ADD_PRODUCTS(high_c, low_c, _mm256_unpacklo_epi8(right, zero), w_high, w_low);
            ADD_PRODUCTS(high_d, low_d, _mm256_unpackhi_epi8(right, zero), w_high, w_low);
        }
        const __m256i bytes =
            _mm256_packus_epi16(_mm256_packs_epi32(whole(high_a, low_a), whole(high_b, low_b)),
                                _mm256_packs_epi32(whole(high_c, low_c), whole(high_d, low_d)));
        if (n - start >= LANES) {
            _mm256_storeu_si256((void *)(out + start), bytes);
        } else {
            uint8_t last[LANES];
            _mm256_storeu_si256((void *)last, bytes);
            memcpy(out + start, last, n - start);
        }
    }
}

/* A vector holds the same 16 bytes of four rows. */
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))
AVX512 static __m512i four_rows(const uint8_t *p, size_t stride) {
    __m512i rows = _mm512_castsi128_si512(_mm_loadu_si128((const void *)p));
    rows = _mm512_inserti32x4(rows, _mm_loadu_si128((const void *)(p + stride)), 1);
    rows = _mm512_inserti32x4(rows, _mm_loadu_si128((const void *)(p + 2 * stride)), 2);
    return _mm512_inserti32x4(rows, _mm_loadu_si128((const void *)(p + 3 * stride)), 3);
}

AVX512 static __m512i pair_512(const int16_t *weight, int k) {
    int32_t both;
    memcpy(&both, weight + k, sizeof both);
    return _mm512_set1_epi32(both);
}

AVX512 static __m512i whole_512(__m512i high_sum, __m512i low_sum) {
    const __m512i sum = _mm512_add_epi32(_mm512_slli_epi32(high_sum, RESIZE_LOW_BITS), low_sum);
    return _mm512_srai_epi32(sum, RESIZE_WEIGHT_BITS);
}

AVX512 static void rows_avx512(uint8_t *out, size_t out_stride, const uint8_t *in, size_t in_stride,
                               const struct resize_taps *taps) {
    const __m512i first_two = _mm512_broadcast_i32x4(FIRST_TWO);
    const __m512i last_two = _mm512_broadcast_i32x4(LAST_TWO);
    for (int i = 0; i < taps->n; i++, out += 3) {
        const uint8_t *p = in + (size_t)taps->first[i] * 3;
        const int16_t *high = taps->high + (size_t)i * (size_t)taps->room;
        const int16_t *low = taps->low + (size_t)i * (size_t)taps->room;
        __m512i high_sum = _mm512_setzero_si512(), low_sum = _mm512_set1_epi32(half);
        for (int k = 0; k < taps->count[i]; k += 4, p += 12) {
            const __m512i rows = four_rows(p, in_stride);
            const __m512i one = _mm512_shuffle_epi8(rows, first_two);
            const __m512i two = _mm512_shuffle_epi8(rows, last_two);
            high_sum = _mm512_dpwssd_epi32(high_sum, one, pair_512(high, k));
            low_sum = _mm512_dpwssd_epi32(low_sum, one, pair_512(low, k));
            high_sum = _mm512_dpwssd_epi32(high_sum, two, pair_512(high, k + 2));
            low_sum = _mm512_dpwssd_epi32(low_sum, two, pair_512(low, k + 2));
        }
        const __m512i sum = whole_512(high_sum, low_sum);
        const __m512i positive = _mm512_max_epi32(sum, _mm512_setzero_si512());
        const __m128i pixels = _mm512_cvtusepi32_epi8(positive); /* four bytes of each row */
        put_pixel(out, _mm_cvtsi128_si32(pixels));
        put_pixel(out + out_stride, _mm_extract_epi32(pixels, 1));
        put_pixel(out + 2 * out_stride, _mm_extract_epi32(pixels, 2));
        put_pixel(out + 3 * out_stride, _mm_extract_epi32(pixels, 3));
    }
}

/* As column_avx2, of 64 bytes; the mask keeps the last ones inside the row. */
AVX512 static void column_avx512(uint8_t *out, const uint8_t *in, size_t stride, size_t n,
                                 const struct resize_taps *taps, int i) {
    enum { LANES = 64 };
    const int16_t *high = taps->high + (size_t)i * (size_t)taps->room;
    const int16_t *low = taps->low + (size_t)i * (size_t)taps->room;
    const __m512i zero = _mm512_setzero_si512(), round = _mm512_set1_epi32(half);
    in += (size_t)taps->first[i] * stride;
    for (size_t start = 0; start < n; start += LANES) {
        const __mmask64 mask = n - start < LANES ? (1ull << (n - start)) - 1 : ~0ull;
        __m512i high_sum[4] = {zero, zero, zero, zero}, low_sum[4] = {round, round, round, round};
        const uint8_t *p = in + start;
        for (int k = 0; k < taps->count[i]; k += 2, p += 2 * stride) {
            const __m512i one = _mm512_maskz_loadu_epi8(mask, p);
            const __m512i two = _mm512_maskz_loadu_epi8(mask, p + stride);
            const __m512i left = _mm512_unpacklo_epi8(one, two);
            const __m512i right = _mm512_unpackhi_epi8(one, two);
            const __m512i pairs[4] = {
                _mm512_unpacklo_epi8(left, zero), _mm512_unpackhi_epi8(left, zero),
                _mm512_unpacklo_epi8(right, zero), _mm512_unpackhi_epi8(right, zero)};
            const __m512i w_high = pair_512(high, k), w_low = pair_512(low, k);
            for (int q = 0; q < 4; q++) {
                high_sum[q] = _mm512_dpwssd_epi32(high_sum[q], pairs[q], w_high);
                low_sum[q] = _mm512_dpwssd_epi32(low_sum[q], pairs[q], w_low);
            }
        }
        const __m512i left = _mm512_packs_epi32(whole_512(high_sum[0], low_sum[0]),
                                                whole_512(high_sum[1], low_sum[1]));
        const __m512i right = _mm512_packs_epi32(whole_512(high_sum[2], low_sum[2]),
                                                 whole_512(high_sum[3], low_sum[3]));
        _mm512_mask_storeu_epi8(out + start, mask, _mm512_packus_epi16(left, right));
    }
}

const struct resize_kernels *resize_kernels_fast(void) {
    static const struct resize_kernels avx512 = {.rows = rows_avx512, .column = column_avx512};
    static const struct resize_kernels avx2 = {.rows = rows_avx2, .column = column_avx2};
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512vnni"))
        return &avx512;
    return __builtin_cpu_supports("avx2") ? &avx2 : &resize_kernels_plain;
}
#else
const struct resize_kernels *resize_kernels_fast(void) {
    return &resize_kernels_plain;
}
#endif
