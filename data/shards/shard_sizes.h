/* shard_sizes: sizes.json of open_clip and webdataset: an object in a folder of shards that says
 * how many samples each of them has, {"00000.tar": 10000, ...}. A shard that lost its last samples
 * and was closed properly can be told by nothing else. */
#ifndef DATA_SHARDS_SHARD_SIZES_H
#define DATA_SHARDS_SHARD_SIZES_H

#include "pipeline/base/file.h"
#include "pipeline/base/json.h"
#include "pipeline/base/status.h"

/* The file of one folder, kept from shard to shard. Zero-initialised is empty. */
struct shard_sizes {
    char folder[FILE_PATH_MAX];
    struct json_document *document; /* NULL: the folder has no sizes.json */
    const struct json *next;        /* the search begins here: shards mostly come in its order */
};

/* Compares the samples found in the shard at path with the file beside it. Nothing is compared when
 * there is no such file or it does not name the shard. Errors: BAD_DATA (another number, a file
 * that is not understood), STORAGE, NO_MEMORY. */
enum status shard_sizes_check(struct shard_sizes *s, const char *path, int64_t n_samples,
                              struct error *e);
void shard_sizes_release(struct shard_sizes *s);

#endif
