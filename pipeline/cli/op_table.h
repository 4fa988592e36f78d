/* op_table: prints the times of ops as a table or as JSON, longest first. */
#ifndef PIPELINE_CLI_OP_TABLE_H
#define PIPELINE_CLI_OP_TABLE_H

#include "models/op_times.h"
#include "pipeline/base/json_write.h"

/* A line per op and direction that ran: calls, milliseconds, share of the total, GFLOP/s, GB/s. */
void op_table_print(const struct op_times *t);
/* The same as an array of objects. */
void op_table_json(struct json_writer *w, const struct op_times *t);

#endif
