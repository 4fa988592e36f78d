/* cache: remote shards as local files.
 *
 * A shard is downloaded whole, looked at from its first to its last byte and compared with its
 * index before it has its name in the folder; a read of it is then a read of a local file. Four
 * threads fetch: first what a reader waits for, then indices, then what cache_want says will be
 * needed next.
 *
 * Index: the one kept in the folder from before, else made from the shard if that is there, else
 * URL.index from the server, else made from the shard once it has come. One from the server is
 * compared with its shard before the first read. Indices stay when shards go, so a later run with
 * the same folder begins at once. An index decides: bytes on the server that do not fit it any more
 * are an error, never other samples.
 *
 * Folder: FOLDER/remote/BASE-HASH.shard and .shard.index, HASH from the address without its query.
 * Several runs may share it; a shard that two want is fetched once. When the shards there have
 * more than limit bytes together, those that were not used for the longest time are removed: only
 * files of names as above, never what this cache will need next while it can do without. What is
 * open stays readable. Shards whose size is not known before (no index) may be over the limit until
 * they have arrived, each of the four that are fetched at a time by no more than limit bytes.
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
    bool look_only;     /* write nothing: indices are read, shards cannot be */
    bool renew;         /* fetch all shards anew and make their indices anew */
    char *const *path;  /* (n) all shards of a list; local ones are left alone */
    int n;
    struct remote_patience patience;
};

struct cache;

/* Starts to get indices; NULL when no shard is remote. Errors: BAD_ARG for two addresses that
 * differ in their query only, and those of s3_resolve; STORAGE. */
enum status cache_open(struct cache **out, const struct cache_config *config, struct error *e);
/* Gives up what is being fetched. Accepts NULL inside. */
void cache_close(struct cache **c);

/* Waits for the index of shard i and hands it over, once. index->built: made from the shard. With
 * look_only and no index anywhere: NOT_FOUND with what to do. */
enum status cache_index(struct cache *c, int i, struct index *index, struct error *e);
/* Waits until shard i is there and opens it; the caller closes it. After cache_index of it. Until
 * cache_want is called, the shard after it is fetched too. */
enum status cache_file(struct cache *c, int i, struct file **file, struct error *e);
/* Its bytes do not fit the index: it is removed and fetched again when wanted. */
void cache_distrust(struct cache *c, int i);
/* The shards that will be needed, soonest first; replaces what was said before. Those that are not
 * there are fetched as far as the limit allows. */
void cache_want(struct cache *c, const int *shards, int n);
uint64_t cache_limit(const struct cache *c);

#endif
