/* cache_room: room for one more shard in a cache's folder, by removing what was not used for the
 * longest time. Stands on the files alone, since other runs use the folder too. */
#ifndef DATA_SHARDS_CACHE_ROOM_H
#define DATA_SHARDS_CACHE_ROOM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "pipeline/base/file.h"
#include "pipeline/base/status.h"

/* A file that is being fetched, SHARD.part, is there while its lock is held. What a process that
 * was killed has left is removed after a minute. */

/* Only files with this end and sixteen hexadecimal digits before it are looked at or removed. */
#define CACHE_SHARD_SUFFIX ".shard"

struct cache_room {
    const char *folder;
    uint64_t limit, bytes;     /* in all; of the new shard, 0 when not known */
    const char *const *spared; /* paths that will be needed next, soonest first */
    int n_spared;
    const char *claim; /* file that takes the place of the new shard until it is written */
    bool is_urgent;    /* somebody waits: spared ones go too, the last first */
    const atomic_bool *cancel; /* NULL, or given up when true (STOPPED), as for a stop */
    double patience_s;         /* how long to wait for another process; 0: ten minutes */
};

/* Removes what must go and makes the claim. has_room false: there is not enough that may go. One at
 * a time in all processes: IN_USE when another one does not come to an end. */
enum status cache_room_make(const struct cache_room *room, bool *has_room, struct error *e);

/* Removes what killed processes have left. */
enum status cache_room_sweep(const char *folder, struct error *e);
/* The lock to hold while a shard is fetched, by its path in the folder; several share one. */
enum status cache_room_lock_path(char out[FILE_PATH_MAX], const char *folder, const char *shard,
                                 struct error *e);

#endif
