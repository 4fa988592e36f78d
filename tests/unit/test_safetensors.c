/* The format is that of huggingface/safetensors (its README, section "Format"); the files that must
 * be refused are written here byte by byte, and the golden files come from Python. */
#include "models/weights/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/base/file.h"
#include "pipeline/base/random.h"
#include "tests/check.h"
#include "tests/fixture.h"

static const char *folder;

/* Unlike fixture_write without a sync, because there are thousands. */
static void put(const char *path, const void *bytes, size_t n) {
    struct file *f = NULL;
    CHECK(file_remove(path, NULL) == STATUS_OK);
    CHECK(file_create(&f, path, NULL) == STATUS_OK);
    CHECK(file_write(f, bytes, n, NULL) == STATUS_OK);
    CHECK(file_close(&f, NULL) == STATUS_OK);
}

static uint64_t digest_of(const struct safetensors *s) {
    uint64_t digest = 0;
    CHECK_EQUAL(safetensors_digest(s, &digest, NULL), STATUS_OK);
    return digest;
}

/* header, as it is, in front of n bytes of data */
static const char *write_file(const char *header, size_t header_bytes, const void *data, size_t n) {
    const char *path = fixture_path(folder, "t.safetensors");
    uint64_t length = header_bytes;
    char *bytes = malloc(8 + header_bytes + n + 1);
    memcpy(bytes, &length, 8);
    memcpy(bytes + 8, header, header_bytes);
    if (n) memcpy(bytes + 8 + header_bytes, data, n);
    put(path, bytes, 8 + header_bytes + n);
    free(bytes);
    return path;
}

static void refused(const char *header, size_t n_data, const char *expected) {
    static const char zeros[64];
    struct safetensors *s = NULL;
    struct error e = {0};
    const char *path = write_file(header, strlen(header), zeros, n_data);
    CHECK_EQUAL(safetensors_open(&s, path, &e), STATUS_BAD_DATA);
    CHECK_TRUE(s == NULL);
    if (!CHECK_TRUE(strstr(e.text, expected) != NULL)) printf("    %s: %s\n", header, e.text);
    safetensors_destroy(&s);
}

#define A(shape, begin, end)                                                                       \
    "\"a\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}"
#define B(begin, end) "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[" begin "," end "]}"

static void test_refused(void) {
    refused("", 0, "from '{' to '}'");
    refused(" {}", 0, "from '{' to '}'");
    refused("{}x", 0, "from '{' to '}'");
    refused("{}\n", 0, "from '{' to '}'");
    refused("{" A("[2]", "0", "8") "}", 7, "cut short: 69 of 70 bytes");
    refused("{" A("[2]", "0", "8") "}", 9, "expected 8 bytes of data, found 9");
    refused("{" A("[2]", "4", "12") "}", 12, "hole");
    refused("{" A("[2]", "0", "8") "," B("8", "12") "}", 16, "wrong size");
    refused("{" A("[2]", "0", "8") "," B("9", "13") "}", 13, "hole");
    refused("{" A("[2]", "0", "8") "," B("4", "8") "}", 8, "overlap");
    refused("{" A("[2]", "0", "8") "," B("0", "4") "}", 8, "overlap");
    refused("{" A("[2]", "0", "4") "}", 4, "does not fit dtype and shape");
    refused("{" A("[3]", "0", "8") "}", 8, "does not fit dtype and shape");
    refused("{" A("[2]", "8", "0") "}", 8, "out of range");
    refused("{" A("[-2]", "0", "8") "}", 8, "out of range");
    refused("{" A("[2.5]", "0", "8") "}", 8, "whole number");
    refused("{" A("[4611686018427387904,4]", "0", "0") "}", 0, "too many elements");
    refused("{" A("[4294967296,4294967296]", "0", "0") "}", 0, "too many elements");
    refused("{" A("[1,1,1,1,1,1,1,1,1]", "0", "4") "}", 4, "too many dimensions");
    refused("{" A("2", "0", "8") "}", 8, "expected a list");
    refused("{" A("[2]", "0", "8") "," A("[2]", "0", "8") "}", 8, "name used twice");
    refused("{\"a\":{\"dtype\":\"F33\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "F33");
    refused("{\"a\":{\"dtype\":4,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "expected a text");
    refused("{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "'dtype' is missing");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "two numbers");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offset\":[0,4]}}", 4, "unknown key");
    refused("{\"__metadata__\":{\"a\":1}}", 0, "expected a text");
    refused("{\"__metadata__\":[]}", 0, "expected an object");
    refused("{\"a\":1}", 0, "expected an object");

    struct safetensors *s = NULL;
    struct error e;
    const char *path = fixture_path(folder, "short");
    put(path, "\1\0\0\0\0\0\0", 7);
    CHECK_EQUAL(safetensors_open(&s, path, &e), STATUS_BAD_DATA);
    put(path, "\377\377\377\377\377\377\377\377{}", 10);
    CHECK_EQUAL(safetensors_open(&s, path, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "at most 16777216 bytes"));
    put(path, "\3\0\0\0\0\0\0\0{}", 10);
    CHECK_EQUAL(safetensors_open(&s, path, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "cut short"));
    put(path, "", 0);
    CHECK_EQUAL(safetensors_open(&s, path, &e), STATUS_BAD_DATA);
    CHECK_EQUAL(safetensors_open(&s, "/nonexistent/file", &e), STATUS_NOT_FOUND);
}

static void test_values(void) {
    struct safetensors *s = NULL;
    struct error e = {0};
    /* Half and brain floats by their bits, IEEE 754: 1, -2, the smallest subnormal, infinity. */
    static const uint16_t half[] = {0x3c00, 0xc000, 0x0001, 0x7c00, 0x83ff, 0x7bff};
    static const double half_value[] = {1, -2, 0x1p-24, INFINITY, -0x3ffp-24, 65504};
    static const uint16_t brain[] = {0x3f80, 0xc000, 0x4049};
    static const double brain_value[] = {1, -2, 3.140625};
    uint8_t data[12 + 6 + 3];
    float f[6];
    int64_t n[3];
    memcpy(data, half, 12);
    memcpy(data + 12, brain, 6);
    memcpy(data + 18, "\xff\x00\x7f", 3);
    const char *header = "{\"__metadata__\":{\"format\":\"pt\"},"
                         "\"h\":{\"dtype\":\"F16\",\"shape\":[2,3],\"data_offsets\":[0,12]},"
                         "\"s\":{\"dtype\":\"I8\",\"shape\":[3],\"data_offsets\":[18,21]},"
                         "\"none\":{\"dtype\":\"F32\",\"shape\":[0,5],\"data_offsets\":[18,18]},"
                         "\"b\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[12,18]}} ";
    const char *path = write_file(header, strlen(header), data, sizeof data); /* unaligned data */
    CHECK_EQUAL(safetensors_open(&s, path, &e), STATUS_OK);
    CHECK_EQUAL(safetensors_count(s), 4);
    CHECK_TEXT(safetensors_metadata(s, "format"), "pt");
    CHECK_TRUE(!safetensors_metadata(s, "other"));
    CHECK_EQUAL(safetensors_read_f32(safetensors_find(s, "h"), f, &e), STATUS_OK);
    for (int i = 0; i < 6; i++) CHECK_TRUE((double)f[i] == half_value[i]);
    CHECK_EQUAL(safetensors_read_f32(safetensors_find(s, "b"), f, &e), STATUS_OK);
    for (int i = 0; i < 3; i++) CHECK_TRUE((double)f[i] == brain_value[i]);
    CHECK_EQUAL(safetensors_read_f32(safetensors_find(s, "none"), f, &e), STATUS_OK);
    CHECK_EQUAL(safetensors_read_i64(safetensors_find(s, "s"), n, &e), STATUS_OK);
    CHECK_TRUE(n[0] == -1 && n[1] == 0 && n[2] == 127);
    CHECK_EQUAL(safetensors_read_f32(safetensors_find(s, "s"), f, &e), STATUS_BAD_DATA);
    CHECK_EQUAL(safetensors_read_i64(safetensors_find(s, "h"), n, &e), STATUS_BAD_DATA);
    int64_t shape[] = {3, 2};
    CHECK_EQUAL(safetensors_check_shape(safetensors_find(s, "h"), 2, shape, &e), STATUS_BAD_DATA);
    CHECK_TEXT(e.text, "h: wrong shape; expected [3,2], found [2,3]");
    const struct safetensors_tensor *t = NULL;
    CHECK_EQUAL(safetensors_get(s, "nome", &t, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "no tensor 'nome'; the nearest name is 'none'"));
    CHECK_TRUE(!safetensors_find(s, "__metadata__"));
    safetensors_destroy(&s);
}

static void test_writing(void) {
    struct safetensors *s = NULL;
    struct error e = {0};
    float x[] = {1, 2, 3}, back[3];
    uint8_t u[] = {9};
    struct safetensors_pair about[] = {{"format", "pt"}};
    struct safetensors_tensor tensor[] = {
        {.name = "u", .type = SAFETENSORS_U8, .rank = 0, .bytes = u},
        {.name = "x\"", .type = SAFETENSORS_F32, .rank = 1, .shape = {3}, .bytes = x},
        {.name = "a", .type = SAFETENSORS_F32, .rank = 2, .shape = {3, 0}},
    };
    struct safetensors_content content = {
        .tensor = tensor, .n = 3, .metadata = about, .n_metadata = 1};
    const char *path = fixture_path(folder, "w.safetensors");
    CHECK_EQUAL(safetensors_write(path, &content, &e), STATUS_OK);
    /* Order: large elements first, then names. */
    char *bytes = NULL;
    size_t n = 0;
    uint64_t header = 0;
    CHECK_EQUAL(file_read_all(&bytes, &n, path, 10000, &e), STATUS_OK);
    memcpy(&header, bytes, 8);
    CHECK_EQUAL(header % 8, 0);
    CHECK_EQUAL(n, 8 + header + 13);
    const char *expected =
        "{\"__metadata__\": {\"format\": \"pt\"}, "
        "\"a\": {\"dtype\": \"F32\", \"shape\": [3, 0], \"data_offsets\": [0, 0]}, "
        "\"x\\\"\": {\"dtype\": \"F32\", \"shape\": [3], \"data_offsets\": [0, 12]}, "
        "\"u\": {\"dtype\": \"U8\", \"shape\": [], \"data_offsets\": [12, 13]}}";
    CHECK_TRUE(!strncmp(bytes + 8, expected, strlen(expected)));
    free(bytes);
    CHECK_EQUAL(safetensors_open(&s, path, &e), STATUS_OK);
    CHECK_EQUAL(safetensors_read_f32(safetensors_find(s, "x\""), back, &e), STATUS_OK);
    CHECK_TRUE(!memcmp(x, back, sizeof x));
    const uint64_t digest = digest_of(s);
    safetensors_destroy(&s);
    about[0].value = "another";
    CHECK_EQUAL(safetensors_write(path, &content, &e), STATUS_OK);
    CHECK_EQUAL(safetensors_open(&s, path, &e), STATUS_OK);
    CHECK_TRUE(digest_of(s) == digest);
    safetensors_destroy(&s);
    x[1] = 7;
    CHECK_EQUAL(safetensors_write(path, &content, &e), STATUS_OK);
    CHECK_EQUAL(safetensors_open(&s, path, &e), STATUS_OK);
    CHECK_TRUE(digest_of(s) != digest);
    safetensors_destroy(&s);
    tensor[0].name = tensor[1].name;
    CHECK_EQUAL(safetensors_write(path, &content, &e), STATUS_BAD_ARG);
}

/* Every cut and random flips of a file from another writer: cuts are all found; a flipped file is
 * refused or safe to read (the address sanitizer watches). */
static void test_damage(uint64_t seed) {
    const char *golden = SAPWOOD_SOURCE_DIR "/tests/golden/layernorm.safetensors";
    const char *path = fixture_path(folder, "damaged");
    struct random random = random_begin(seed, RANDOM_TEST, 0, 0);
    struct safetensors *s = NULL;
    struct error e = {0};
    char *bytes = NULL;
    size_t n = 0;
    uint64_t header = 0;
    int n_taken_cuts = 0, n_opened = 0, n_refused = 0;
    CHECK_EQUAL(safetensors_open(&s, golden, &e), STATUS_OK);
    CHECK_TRUE(safetensors_count(s) > 0);
    safetensors_destroy(&s);
    CHECK_EQUAL(file_read_all(&bytes, &n, golden, 1 << 20, &e), STATUS_OK);
    memcpy(&header, bytes, 8);
    for (size_t cut = 0; cut < n; cut += cut < header + 8 ? 1 : 61) {
        put(path, bytes, cut);
        n_taken_cuts += safetensors_open(&s, path, &e) == STATUS_OK;
        safetensors_destroy(&s);
    }
    CHECK_EQUAL(n_taken_cuts, 0);
    for (int i = 0; i < 2000; i++) {
        size_t at = random_below(&random, header + 8);
        char kept = bytes[at];
        bytes[at] = (char)(kept ^ (1 << random_below(&random, 8)));
        put(path, bytes, n);
        if (safetensors_open(&s, path, &e) == STATUS_OK) {
            digest_of(s); /* reads every byte */
            n_opened++;
        } else {
            n_refused++;
        }
        safetensors_destroy(&s);
        bytes[at] = kept;
    }
    CHECK_TRUE(n_refused > 1000 && n_opened < 1000);
    free(bytes);
}

/* A file with its own checksum: no byte can change unnoticed, but for the name of the entry itself,
 * without which it is a file without a checksum. */
static void test_own_crc(void) {
    static const char entry[] = "\"crc32c\": \"";
    const char *path = fixture_path(folder, "checked.safetensors");
    struct safetensors *s = NULL;
    struct error e = {0};
    float x[] = {1, 2, 3};
    const struct safetensors_pair about[] = {{"alpha", "8"}};
    struct safetensors_tensor tensor[] = {
        {.name = "crc32c", .type = SAFETENSORS_F32, .rank = 1, .shape = {3}, .bytes = x}};
    struct safetensors_content content = {
        .tensor = tensor, .n = 1, .metadata = about, .n_metadata = 1, .is_checked = true};
    char *bytes = NULL;
    size_t n = 0;
    int n_taken = 0;
    CHECK_EQUAL(safetensors_write(path, &content, &e), STATUS_OK);
    CHECK_EQUAL(safetensors_open(&s, path, &e), STATUS_OK);
    CHECK_TRUE(s && safetensors_has_crc(s) && safetensors_metadata(s, "crc32c"));
    CHECK_TEXT(safetensors_metadata(s, "alpha"), "8");
    safetensors_destroy(&s);
    CHECK_EQUAL(file_read_all(&bytes, &n, path, 10000, &e), STATUS_OK);
    const char *at = strstr(bytes + 8, entry);
    CHECK_TRUE(at != NULL);
    const size_t first = at ? (size_t)(at - bytes) : 0, end = first + strlen(entry);
    for (size_t i = 0; i < n; i++)
        for (int bit = 0; bit < 8; bit++) {
            if (i >= first && i < end) continue;
            bytes[i] = (char)(bytes[i] ^ (1 << bit));
            put(path, bytes, n);
            n_taken += safetensors_open(&s, path, &e) == STATUS_OK;
            safetensors_destroy(&s);
            bytes[i] = (char)(bytes[i] ^ (1 << bit));
        }
    CHECK_EQUAL(n_taken, 0);
    bytes[n - 1] = (char)(bytes[n - 1] ^ 1);
    put(path, bytes, n);
    CHECK_EQUAL(safetensors_open(&s, path, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "checked.safetensors: damaged: crc ") != NULL);
    bytes[first + strlen(entry) - 2] =
        '\t'; /* written by another program, which copied the entry */
    put(path, bytes, n);
    CHECK_EQUAL(safetensors_open(&s, path, &e), STATUS_OK);
    CHECK_TRUE(s && !safetensors_has_crc(s));
    safetensors_destroy(&s);
    content.is_checked = false;
    CHECK_EQUAL(safetensors_write(path, &content, &e), STATUS_OK);
    CHECK_EQUAL(safetensors_open(&s, path, &e), STATUS_OK);
    CHECK_TRUE(s && !safetensors_has_crc(s) && !safetensors_metadata(s, "crc32c"));
    safetensors_destroy(&s);
    free(bytes);
}

/* One number in 16 bits. */
static uint16_t rounded(enum safetensors_type type, float value, enum status expected) {
    struct error e = {0};
    uint16_t bits = 0;
    const struct safetensors_tensor t = {.name = "t", .type = type};
    CHECK_EQUAL(safetensors_from_f32(&t, &value, &bits, &e), expected);
    return bits;
}

static float widened(enum safetensors_type type, uint16_t bits) {
    float value = 0;
    const struct safetensors_tensor t = {.name = "t", .type = type, .bytes = &bits, .n_bytes = 2};
    CHECK_EQUAL(safetensors_read_f32(&t, &value, NULL), STATUS_OK);
    return value;
}

/* Every number of 16 bits comes back; what lies between two goes to the nearer, and from the middle
 * to the even one (IEEE 754, roundTiesToEven). */
static void test_16_bits(void) {
    static const enum safetensors_type types[] = {SAFETENSORS_F16, SAFETENSORS_BF16};
    for (int k = 0; k < 2; k++) {
        const enum safetensors_type type = types[k];
        const uint16_t infinite = k ? 0x7f80 : 0x7c00;
        int n_wrong = 0;
        for (uint32_t bits = 0; bits < infinite; bits++) {
            const float value = widened(type, (uint16_t)bits);
            n_wrong += rounded(type, value, STATUS_OK) != bits;
            n_wrong += rounded(type, -value, STATUS_OK) != (bits | 0x8000);
            if (bits + 1 == infinite) break;
            const double next = widened(type, (uint16_t)(bits + 1));
            const float middle = (float)((value + next) / 2);
            n_wrong += rounded(type, middle, STATUS_OK) != bits + (bits & 1);
            n_wrong += rounded(type, nextafterf(middle, 0), STATUS_OK) != bits;
            n_wrong += rounded(type, nextafterf(middle, INFINITY), STATUS_OK) != bits + 1;
        }
        CHECK_EQUAL(n_wrong, 0);
        CHECK_EQUAL(rounded(type, INFINITY, STATUS_OK), infinite);
        CHECK_EQUAL(rounded(type, -INFINITY, STATUS_OK), infinite | 0x8000);
        CHECK_TRUE(isnan(widened(type, rounded(type, NAN, STATUS_OK))));
    }
    CHECK_EQUAL(rounded(SAFETENSORS_F16, 65519, STATUS_OK), 0x7bff);
    rounded(SAFETENSORS_F16, 65520, STATUS_BAD_DATA);
    rounded(SAFETENSORS_F16, -1e9f, STATUS_BAD_DATA);
    rounded(SAFETENSORS_BF16, 3.4e38f, STATUS_BAD_DATA);
}

int main(int argc, char **argv) {
    folder = fixture_folder();
    test_refused();
    test_values();
    test_writing();
    test_own_crc();
    test_16_bits();
    test_damage(argc > 1 ? strtoull(argv[1], NULL, 10) : 1);
    return check_report();
}
