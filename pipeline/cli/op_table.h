/* op_table: the times of ops as a table for people and as JSON, the longest first. */
#ifndef PIPELINE_CLI_OP_TABLE_H
#define PIPELINE_CLI_OP_TABLE_H

#include "models/op_times.h"
#include "pipeline/base/json_write.h"

/* A line for each op and direction that was called: calls, milliseconds, share of all, GFLOP/s,
 * GB/s. */
void op_table_print(const struct op_times *t);
/* An array of objects with the same. */
void op_table_json(struct json_writer *w, const struct op_times *t);

#endif
