/* file_tree: the files below a folder, or in an archive, by their paths in it.
 *
 * Links are followed to files inside the tree only: what is packed is given away, and a link may
 * lead to a secret, or in a circle. All others are left out and counted. Of an archive only files
 * that can belong to a sample are listed (shard_split), of several with one path the last, as
 * unpacking leaves it. */
#ifndef DATA_SHARDS_FILE_TREE_H
#define DATA_SHARDS_FILE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pipeline/base/file.h"
#include "pipeline/base/status.h"
#include "pipeline/base/text.h"

struct file_tree_file {
    char *path;            /* relative to the root */
    uint64_t offset, size; /* of its bytes in an archive's file */
    char *target;          /* NULL, or the path that it is a link to, until it is followed */
};

/* Zero-initialised but for the root, nothing is listed and files are read all the same. */
struct file_tree {
    const char *root;            /* a folder, or an archive; the caller's */
    struct file_tree_file *file; /* (n) in byte order in each folder; of an archive all sorted */
    size_t n, capacity;
    struct file *archive; /* where the bytes of an archive are; NULL: a folder */
    int64_t links;        /* left out */
    char first_link[512]; /* path of the first of them */
};

/* Lists a folder. Errors: BAD_ARG (folders too deep), STOPPED, those of file_list_read. */
enum status file_tree_list(struct file_tree *tree, struct error *e);
/* Lists a tar, or a compressed one or a zip, whose files are unpacked into a nameless one beside
 * the path scratch. Errors: BAD_DATA (a path that leads out of it), those of shard_scan and
 * shard_unpack. */
enum status file_tree_open(struct file_tree *tree, const char *scratch, struct error *e);
/* Appends the bytes of a file to out. Errors: NOT_FOUND, BAD_DATA (more than limit), those of
 * file_read_all. */
enum status file_tree_read(struct text *out, const struct file_tree *tree, const char *path,
                           size_t limit, struct error *e);
/* Whether there is such a file. */
bool file_tree_has(const struct file_tree *tree, const char *path);
void file_tree_release(struct file_tree *tree);

#endif
