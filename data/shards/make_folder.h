/* make_folder: makes samples of files that share a stem, for shard_make. */
#ifndef DATA_SHARDS_MAKE_FOLDER_H
#define DATA_SHARDS_MAKE_FOLDER_H

#include "data/shards/file_tree.h"
#include "data/shards/make_writer.h"
#include "pipeline/base/status.h"

/* Writes the samples of w->tree, which must be listed, in the order of their keys: a/1.jpg and
 * a/1.txt are sample a/1. A key has no dots: IMG.1.jpg and IMG.1.txt are sample IMG_1, while
 * a.seg.png beside a.png is a member of sample a unless it has its own a.seg.txt. Errors: BAD_DATA
 * (two stems that would be one key), those of make_writer_end. */
enum status make_folder(struct make_writer *w, struct error *e);

#endif
