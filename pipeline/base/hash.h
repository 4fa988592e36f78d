/* hash: digests and checksums.
 *
 * XXH3 (libxxhash) names things: digests of names, recipes, weights, sample orders. CRC32C
 * (Castagnoli, polynomial 1EDC6F41, as in iSCSI, RFC 3720) guards files against damage. Both give
 * the same value on every machine. */
#ifndef PIPELINE_BASE_HASH_H
#define PIPELINE_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_128 {
    uint64_t low, high;
};

/* XXH3 of n bytes. To chain, pass the digest so far as seed. */
uint64_t hash_64(const void *bytes, size_t n, uint64_t seed);
uint64_t hash_text(const char *s);
struct hash_128 hash_128(const void *bytes, size_t n, uint64_t seed);

/* CRC32C continued over n more bytes; crc: the value so far, 0 at the start. */
uint32_t hash_crc32c(uint32_t crc, const void *bytes, size_t n);
/* The same by table: the reference, and the fallback for processors without a CRC instruction. */
uint32_t hash_crc32c_table(uint32_t crc, const void *bytes, size_t n);

enum { HASH_HEX_64 = 17, HASH_HEX_128 = 33 };
/* Lower-case hexadecimal digits, high digit first, and a NUL. */
void hash_hex_64(char out[HASH_HEX_64], uint64_t digest);
void hash_hex_128(char out[HASH_HEX_128], struct hash_128 digest);

#endif
