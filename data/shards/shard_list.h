/* shard_list: expands what a user writes to the paths of shards.
 *
 *   shard-{000..012}.tar    numeric braces keep zero padding; {a,b} lists words; several may stand
 *                           in one name, the last one runs fastest
 *   a.tar::b-{0..3}.tar     several lists, joined in this order
 *   folder                  all *.tar in it, in byte order
 *   list.txt                one entry per line, relative to the folder of the list; # starts a
 *                           comment line
 *   https://host/a.tar      addresses of shards, http:// and s3://bucket/key too (remote.h)
 *
 * A folder with a compressed tar, but not the plain one beside it, is refused: the compressed one
 * would be missed silently. Also refused, with what to do instead: `pipe:` entries (a pipe cannot
 * be read at an offset), other addresses (gs:, ftp:), compressed names, and globs (* ? [) that are
 * not the name of a file. Otherwise the existence of a path is not checked here. */
#ifndef DATA_SHARDS_SHARD_LIST_H
#define DATA_SHARDS_SHARD_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "pipeline/base/status.h"

enum { SHARD_LIST_MAX = 1 << 20 };

/* Zero-initialised is empty. */
struct shard_list {
    char **path;
    int n;
    int capacity;
};

/* Appends the paths that spec stands for. After failure the list keeps the paths so far; release
 * it. Errors: BAD_ARG (syntax, refused entry, more than SHARD_LIST_MAX), NOT_FOUND (an empty
 * folder, a missing list), NO_MEMORY, STORAGE. */
enum status shard_list_expand(struct shard_list *list, const char *spec, struct error *e);
void shard_list_release(struct shard_list *list);

/* The command that turns the compressed shard at path into a plain one; false if its name is not
 * that of a compressed file. */
bool shard_list_unpack_command(char *out, size_t n, const char *path);

#endif
