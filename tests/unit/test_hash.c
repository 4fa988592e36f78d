/* Expected values: CRC32C from RFC 3720 appendix B.4 and the usual check string; XXH3 from xxHash's
 * own sanity tests (digests of nothing) and `xxhsum -H3`. */
#include <string.h>

#include "pipeline/base/hash.h"
#include "pipeline/base/random.h"
#include "tests/check.h"

int main(void) {
    static uint8_t bytes[20000];
    char hex[HASH_HEX_128];
    memset(bytes, 0, 32);
    CHECK_EQUAL(hash_crc32c(0, bytes, 32), 0x8a9136aa);
    memset(bytes, 0xff, 32);
    CHECK_EQUAL(hash_crc32c(0, bytes, 32), 0x62a8ab43);
    for (int i = 0; i < 32; i++) bytes[i] = (uint8_t)i;
    CHECK_EQUAL(hash_crc32c(0, bytes, 32), 0x46dd794e);
    CHECK_EQUAL(hash_crc32c(0, "123456789", 9), 0xe3069283);
    CHECK_EQUAL(hash_crc32c_table(0, "123456789", 9), 0xe3069283);
    CHECK_EQUAL(hash_crc32c(0, bytes, 0), 0);
    CHECK_EQUAL(hash_crc32c(hash_crc32c(0, "1234", 4), "56789", 5), 0xe3069283);

    struct random random = random_begin(1, RANDOM_TEST, 0, 0);
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)random_u32(&random);
    for (int i = 0; i < 200; i++) { /* the instruction against the table, any place and length */
        size_t start = random_below(&random, 100), n = random_below(&random, i % 2 ? 900 : 19900);
        CHECK_EQUAL(hash_crc32c(7, bytes + start, n), hash_crc32c_table(7, bytes + start, n));
    }

    CHECK_TRUE(hash_64("", 0, 0) == 0x2d06800538d394c2u);
    CHECK_TRUE(hash_text("a") == 0xe6c632b61e964e1fu);
    CHECK_TRUE(hash_text("a") != hash_64("a", 1, 1));
    hash_hex_128(hex, hash_128("", 0, 0));
    CHECK_TEXT(hex, "99aa06d3014798d86001c324468d497f");
    hash_hex_64(hex, 0x0123456789abcdefu);
    CHECK_TEXT(hex, "0123456789abcdef");
    return check_report();
}
