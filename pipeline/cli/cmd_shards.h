/* cmd_shards: what the files of `sapwood shards` share. */
#ifndef PIPELINE_CLI_CMD_SHARDS_H
#define PIPELINE_CLI_CMD_SHARDS_H

#include "data/shards/shard_list.h"
#include "pipeline/cli/options.h"

#define SHARDS_HELP                                                                                \
    "paths, with {000..012} braces, joined by ::, a folder, or a list in a .txt file"

/* The shards of all words, in their order: what a glob of the shell leaves, too. */
enum status cmd_shards_expand(struct shard_list *list, const struct option_list *words,
                              struct error *e);

/* sapwood shards check: reads everything in every shard and names what cannot be used. argv[0] is
 * "check". BAD_DATA when something is wrong. */
enum status cmd_shards_check(int argc, char **argv, struct error *e);

/* sapwood shards ls RECIPE --steps A..B: a line for every slot of these steps, made without reading
 * a picture. steps: "A..B" or "A", counted from 1 as in metrics.jsonl. cache: where indices may be;
 * NULL: beside the shards. */
enum status cmd_shards_steps(const char *recipe, const char *steps, const char *cache,
                             struct error *e);

#endif
