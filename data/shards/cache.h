/* cache: keeps remote shards as local files.
 *
 * A shard is downloaded whole. It gets its name in the folder only after every byte has been
 * scanned and compared with its index; then reads are reads of a local file. Four threads fetch, in
 * this order: shards that a reader waits for, indices, shards that cache_want expects next.
 *
 * The index of a shard comes from the folder if it is there. Otherwise it is made from the shard if
 * that is there; else it is URL.index from the server; else it is made from the shard after the
 * download. An index from the server is compared with its shard before the first read. Indices stay
 * when shards are removed, so a later run with the same folder begins at once. The index decides:
 * if the bytes on the server no longer fit it, that is an error, never other samples.
 *
 * Folder: FOLDER/remote/BASE-HASH.shard and .shard.index, HASH from the address without its query.
 * Several runs may share it; a shard wanted by two is fetched once. When the shards exceed limit
 * bytes, the least recently used are removed: only files with names as above, and not those that
 * this cache needs next if it can avoid it. Open shards stay readable. Shards of unknown size (no
 * index) may exceed the limit until they have arrived, each of the four in flight by at most limit
 * bytes.
 *
 * Errors of a fetch are final for the run: REMOTE and NOT_FOUND (exit code 3), STORAGE (5). */
#ifndef DATA_SHARDS_CACHE_H
#define DATA_SHARDS_CACHE_H

#include <stdint.h>

#include "data/shards/index.h"
#include "data/shards/remote.h"
#include "pipeline/base/file.h"
#include "pipeline/base/status.h"

#define CACHE_BYTES_DEFAULT ((uint64_t)64 << 30)

struct cache_config {
    const char *folder; /* NULL: $XDG_CACHE_HOME/sapwood or ~/.cache/sapwood */
    uint64_t limit;     /* bytes of shards; 0: CACHE_BYTES_DEFAULT */
    bool look_only;     /* write nothing; indices can be read, shards cannot */
    bool renew;         /* fetch all shards and make their indices again */
    char *const *path;  /* (n) all shards of a list; local ones are ignored */
    int n;
    struct remote_patience patience;
};

struct cache;

/* Opens the cache and starts to fetch indices; *out is NULL when no shard is remote. Errors:
 * BAD_ARG for two addresses that differ only in their query; those of s3_resolve; STORAGE. */
enum status cache_open(struct cache **out, const struct cache_config *config, struct error *e);
/* Stops all downloads. *c may be NULL. */
void cache_close(struct cache **c);

/* Waits for the index of shard i and hands it to the caller; once per shard. index->built: it was
 * made from the shard. NOT_FOUND with look_only when there is no index anywhere. */
enum status cache_index(struct cache *c, int i, struct index *index, struct error *e);
/* Waits until shard i is in the cache and opens it; the caller closes it. Call cache_index for it
 * first. Until cache_want is called, the next shard is fetched ahead. */
enum status cache_file(struct cache *c, int i, struct file **file, struct error *e);
/* Tells that shard i does not fit its index: it is removed, and fetched again when wanted. */
void cache_distrust(struct cache *c, int i);
/* Sets the shards that will be needed, soonest first; replaces the earlier list. Missing ones are
 * fetched ahead as far as the limit allows. */
void cache_want(struct cache *c, const int *shards, int n);
uint64_t cache_limit(const struct cache *c);

#endif
