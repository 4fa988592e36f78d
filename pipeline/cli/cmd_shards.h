/* cmd_shards: what the files of `sapwood shards` share. */
#ifndef PIPELINE_CLI_CMD_SHARDS_H
#define PIPELINE_CLI_CMD_SHARDS_H

#include "pipeline/base/status.h"

/* sapwood shards check: reads everything in every shard and names what cannot be used. argv[0] is
 * "check". BAD_DATA when something is wrong. */
enum status cmd_shards_check(int argc, char **argv, struct error *e);

/* sapwood shards ls RECIPE --steps A..B: a line for every slot of these steps, made without reading
 * a picture. steps: "A..B" or "A", counted from 1 as in metrics.jsonl. cache: where indices may be;
 * NULL: beside the shards. */
enum status cmd_shards_steps(const char *recipe, const char *steps, const char *cache,
                             struct error *e);

#endif
