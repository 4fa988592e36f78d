/* digest_map: maps texts to numbers; it stores 128-bit digests instead of the texts. */
#ifndef DATA_SHARDS_DIGEST_MAP_H
#define DATA_SHARDS_DIGEST_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/base/hash.h"
#include "pipeline/base/status.h"

struct digest_place {
    struct hash_128 digest; /* 0: free */
    int64_t value;
};

/* Open addressing, at most half full. Zero-initialised is empty. */
struct digest_map {
    struct digest_place *place;
    size_t n, capacity; /* a power of two */
};

/* Finds the value of a text, adding it with value 0 if it is new. *value is valid until the next
 * call. Errors: NO_MEMORY. */
enum status digest_map_put(int64_t **value, struct digest_map *map, const void *bytes, size_t n,
                           struct error *e);
void digest_map_release(struct digest_map *map);

#endif
