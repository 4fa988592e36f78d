/* file_tree: the files below a folder, by their paths in it.
 *
 * Links are followed to files inside the folder only: what is packed is given away, and a link may
 * lead to a secret, or in a circle. All others are left out and counted. */
#ifndef DATA_SHARDS_FILE_TREE_H
#define DATA_SHARDS_FILE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pipeline/base/status.h"
#include "pipeline/base/text.h"

/* Zero-initialised but for the root, nothing is listed and files are read all the same. */
struct file_tree {
    const char *root; /* the caller's */
    char **path;      /* (n) relative to the root; of each folder in byte order */
    size_t n, capacity;
    int64_t links;        /* left out */
    char first_link[512]; /* path of the first of them */
};

/* Lists what is there. Errors: BAD_ARG (folders too deep), STOPPED, those of file_list_read. */
enum status file_tree_list(struct file_tree *tree, struct error *e);
/* Appends the bytes of a file to out. Errors: those of file_read_all. */
enum status file_tree_read(struct text *out, const struct file_tree *tree, const char *path,
                           size_t limit, struct error *e);
/* Whether there is such a file. */
bool file_tree_has(const struct file_tree *tree, const char *path);
void file_tree_release(struct file_tree *tree);

#endif
