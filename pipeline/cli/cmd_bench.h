/* cmd_bench: the measurements of `sapwood bench`; argv[0] is the measurement's name. */
#ifndef PIPELINE_CLI_CMD_BENCH_H
#define PIPELINE_CLI_CMD_BENCH_H

#include "pipeline/base/status.h"

/* sapwood bench loader: samples per second from shards to batches. */
enum status cmd_bench_loader(int argc, char **argv, struct error *e);
enum status cmd_bench_step(int argc, char **argv, struct error *e);

#endif
