/* shard_sizes: checks shards against sizes.json of open_clip and webdataset, an object in their
 * folder with the number of samples of each, {"00000.tar": 10000, ...}. Nothing else reveals a
 * shard that lost its last samples but ends properly. */
#ifndef DATA_SHARDS_SHARD_SIZES_H
#define DATA_SHARDS_SHARD_SIZES_H

#include "pipeline/base/file.h"
#include "pipeline/base/json.h"
#include "pipeline/base/status.h"

/* The file of one folder, kept from shard to shard. Zero-initialised is empty. */
struct shard_sizes {
    char folder[FILE_PATH_MAX];
    struct json_document *document; /* NULL: the folder has no sizes.json */
    const struct json *next;        /* where the search begins: shards mostly come in this order */
};

/* Compares the number of samples found in the shard at path with the file beside it. OK when there
 * is no file or it does not name the shard. Errors: BAD_DATA (another number, or an invalid file),
 * STORAGE, NO_MEMORY. */
enum status shard_sizes_check(struct shard_sizes *s, const char *path, int64_t n_samples,
                              struct error *e);
void shard_sizes_release(struct shard_sizes *s);

#endif
