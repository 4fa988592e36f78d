/* cmd_shards: shared by the files of `sapwood shards`. */
#ifndef PIPELINE_CLI_CMD_SHARDS_H
#define PIPELINE_CLI_CMD_SHARDS_H

#include "data/shards/shard_list.h"
#include "pipeline/cli/options.h"

#define SHARDS_HELP                                                                                \
    "paths, with {000..012} braces, joined by ::, a folder, or a list in a .txt file"

/* Expands all words to shards, in order; a glob of the shell gives several words. */
enum status cmd_shards_expand(struct shard_list *list, const struct option_list *words,
                              struct error *e);

/* sapwood shards check: reads everything in every shard and reports what cannot be used. argv[0] is
 * "check". BAD_DATA when anything is wrong. */
enum status cmd_shards_check(int argc, char **argv, struct error *e);

/* sapwood shards ls RECIPE --steps A..B: prints a line for every slot of these steps without
 * reading a picture. steps: "A..B" or "A", counted from 1 as in metrics.jsonl. cache: folder of
 * indices; NULL: beside the shards. */
enum status cmd_shards_steps(const char *recipe, const char *steps, const char *cache,
                             struct error *e);

#endif
