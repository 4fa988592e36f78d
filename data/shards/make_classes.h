/* make_classes: classes from names of folders, cat/1.jpg, like torchvision's ImageFolder, for
 * shard_make. Their numbers go into cls members, their names into classnames.txt beside the shards.
 * The name of a class is that of its folder with spaces for underscores. */
#ifndef DATA_SHARDS_MAKE_CLASSES_H
#define DATA_SHARDS_MAKE_CLASSES_H

#include <stdbool.h>

#include "data/shards/file_tree.h"
#include "pipeline/base/file.h"
#include "pipeline/base/status.h"

struct make_classes {
    char **name; /* (n) in the order of their numbers */
    int n, capacity;
    char file[FILE_PATH_MAX]; /* the classnames.txt of the shards */
    bool is_file_there;       /* existed before this call; it numbers the classes */
};

/* Whether all pictures of the tree are in class folders, at least two. BAD_ARG if these are parts
 * of a data set (train, val) that contain class folders. */
enum status make_classes_detect(bool *found, const struct file_tree *tree, struct error *e);

/* Numbers the folders that have pictures. shard: path of the first shard. classnames: a file with a
 * name per line, in the order of their numbers; NULL: the classnames.txt beside the shard if it
 * exists, else the folders in byte order. Errors: BAD_DATA (a picture in no folder, a folder that
 * the file does not name), NOT_FOUND. */
enum status make_classes_read(struct make_classes *c, const struct file_tree *tree,
                              const char *shard, const char *classnames, struct error *e);
/* The class of a path in the tree, or -1. */
int make_classes_find(const struct make_classes *c, const char *path);
/* Writes classnames.txt, unless it existed. */
enum status make_classes_write(const struct make_classes *c, struct error *e);
void make_classes_release(struct make_classes *c);

#endif
