/* make_list: makes the samples named by a list (make_rows.h), for shard_make.
 *
 * A row has a picture (path relative to the list), captions, and perhaps a key. The params name the
 * fields; by default they are:
 *   picture  image, file_name, filepath, path, filename, image_path or file
 *   key      key
 *   caption  caption and captions, else text, else title; a text or a list of texts
 * The row without its picture becomes the json member; for a table only if it has other columns
 * than these.
 *
 * Without keys, rows with the same picture are one sample with all their captions, and the key is
 * the picture's path: a/1.jpg becomes a/1, dots become _. */
#ifndef DATA_SHARDS_MAKE_LIST_H
#define DATA_SHARDS_MAKE_LIST_H

#include "data/shards/make_writer.h"
#include "pipeline/base/status.h"

/* Writes the samples of the list `path` in w->tree, in the order of their first lines. name: of the
 * list in messages. Errors: BAD_DATA (a row; a key that occurs twice or is not a path inside a
 * shard), NOT_FOUND (missing pictures, counted before anything is written, unless skipped), those
 * of make_writer_end. */
enum status make_list(struct make_writer *w, const char *path, const char *name, struct error *e);

#endif
