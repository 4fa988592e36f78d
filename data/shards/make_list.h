/* make_list: samples that a list names (make_rows.h), for shard_make.
 *
 * A row has a picture, its path relative to the list, captions, and perhaps a key. Its fields are
 * those of the params, or by their names:
 *   picture  image, file_name, filepath, path, filename, image_path or file
 *   key      key
 *   caption  caption and captions, else text, else title; a text or a list of texts
 * All but the picture becomes the json member; of a table only where a column is none of these.
 *
 * Without keys, rows of one picture are one sample with their captions, and keys are the paths of
 * the pictures: a/1.jpg becomes a/1, dots become _. */
#ifndef DATA_SHARDS_MAKE_LIST_H
#define DATA_SHARDS_MAKE_LIST_H

#include "data/shards/make_writer.h"
#include "pipeline/base/status.h"

/* Writes the samples of the file `path` of w->tree in the order of their first lines. name: of the
 * file in messages. Errors: BAD_DATA (a row, a key that comes twice or is no path inside a shard),
 * NOT_FOUND (pictures, counted before anything is written, unless they may be missing), those of
 * make_writer_end. */
enum status make_list(struct make_writer *w, const char *path, const char *name, struct error *e);

#endif
