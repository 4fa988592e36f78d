#include "data/shards/digest_map.h"

#include <stdbool.h>
#include <stdlib.h>

static bool is_free(const struct digest_place *place) {
    return !place->digest.low && !place->digest.high;
}

/* The place of a digest, or the free one where it belongs. */
static struct digest_place *find(const struct digest_map *map, struct hash_128 digest) {
    size_t i = (size_t)digest.low & (map->capacity - 1);
    while (!is_free(&map->place[i]) && (map->place[i].digest.low != digest.low ||
                                        map->place[i].digest.high != digest.high))
        i = (i + 1) & (map->capacity - 1);
    return &map->place[i];
}

static enum status grow(struct digest_map *map, struct error *e) {
    struct digest_map grown = {.n = map->n, .capacity = map->capacity ? 2 * map->capacity : 1024};
    grown.place = calloc(grown.capacity, sizeof *grown.place);
    if (!grown.place) return fail(e, STATUS_NO_MEMORY, "no memory for %zu keys", grown.capacity);
    for (size_t i = 0; i < map->capacity; i++)
        if (!is_free(&map->place[i])) *find(&grown, map->place[i].digest) = map->place[i];
    free(map->place);
    *map = grown;
    return STATUS_OK;
}

enum status digest_map_put(int64_t **value, struct digest_map *map, const void *bytes, size_t n,
                           struct error *e) {
    const struct hash_128 digest = hash_128(bytes, n, 0);
    *value = NULL;
    if (2 * map->n >= map->capacity) {
        const enum status rc = grow(map, e);
        if (rc != STATUS_OK) return rc;
    }
    struct digest_place *place = find(map, digest);
    if (is_free(place)) map->n++;
    place->digest = digest;
    *value = &place->value;
    return STATUS_OK;
}

void digest_map_release(struct digest_map *map) {
    free(map->place);
    *map = (struct digest_map){0};
}
