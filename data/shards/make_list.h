/* make_list: samples that a list names, for shard_make. */
#ifndef DATA_SHARDS_MAKE_LIST_H
#define DATA_SHARDS_MAKE_LIST_H

#include "data/shards/make_writer.h"
#include "pipeline/base/status.h"

/* Writes the samples of NAME.tsv or NAME.jsonl in the order of its lines. Pictures are relative to
 * the root of w->tree. Keys become paths in the tar, so they may neither begin with / nor have
 * parts "..". Errors: BAD_DATA (a line of the list, a key that comes twice), NOT_FOUND, those of
 * make_writer_end. */
enum status make_list(struct make_writer *w, const char *path, struct error *e);

#endif
