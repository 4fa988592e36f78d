/* cache_room: room for one more shard in a cache's folder, by removing what was not used for the
 * longest time. Stands on the files alone, since other runs use the folder too. */
#ifndef DATA_CACHE_ROOM_H
#define DATA_CACHE_ROOM_H

#include <stdbool.h>
#include <stdint.h>

#include "pipeline/base/status.h"

/* Only files with this end and sixteen hexadecimal digits before it are looked at or removed. */
#define CACHE_SHARD_SUFFIX ".shard"

struct cache_room {
    const char *folder;
    uint64_t limit, bytes;     /* in all; of the new shard, 0 when not known */
    const char *const *spared; /* paths that will be needed next, soonest first */
    int n_spared;
    const char *claim; /* file that takes the place of the new shard until it is written */
    bool is_urgent;    /* somebody waits: spared ones go too, the last first */
};

/* Removes what must go and makes the claim. has_room false: there is not enough that may go. One at
 * a time in all processes. */
enum status cache_room_make(const struct cache_room *room, bool *has_room, struct error *e);

#endif
