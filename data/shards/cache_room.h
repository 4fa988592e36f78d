/* cache_room: makes room for one more shard in a cache's folder by removing the least recently
 * used. Looks at the files alone, because other runs use the folder too. */
#ifndef DATA_SHARDS_CACHE_ROOM_H
#define DATA_SHARDS_CACHE_ROOM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "pipeline/base/file.h"
#include "pipeline/base/status.h"

/* SHARD.part is a file being fetched; its lock is held meanwhile. What a killed process left is
 * removed after a minute. */

/* Only files that end in sixteen hexadecimal digits and this suffix are counted or removed. */
#define CACHE_SHARD_SUFFIX ".shard"

struct cache_room {
    const char *folder;
    uint64_t limit, bytes;     /* of all shards; of the new shard, 0: unknown */
    const char *const *spared; /* paths that will be needed next, soonest first */
    int n_spared;
    const char *claim; /* file that reserves the room of the new shard until it is written */
    bool is_urgent;    /* a reader waits: remove spared ones too, the last first */
    const atomic_bool *cancel; /* NULL, or ends with STOPPED when true, as for a stop */
    double patience_s;         /* how long to wait for another process; 0: ten minutes */
};

/* Removes shards as needed and creates the claim. has_room false: not enough may be removed. Only
 * one process at a time makes room; IN_USE when another one does not finish. */
enum status cache_room_make(const struct cache_room *room, bool *has_room, struct error *e);

/* Removes files left by killed processes. */
enum status cache_room_sweep(const char *folder, struct error *e);
/* Path of the lock to hold while fetching the shard of that path. Several shards share a lock. */
enum status cache_room_lock_path(char out[FILE_PATH_MAX], const char *folder, const char *shard,
                                 struct error *e);

#endif
