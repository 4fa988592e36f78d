/* op_times: time, FLOPs and bytes of calls, by op and direction. Both backends fill one on request
 * (backend_options.times). */
#ifndef MODELS_OP_TIMES_H
#define MODELS_OP_TIMES_H

#include "models/op.h"

struct op_time {
    int64_t calls;
    double seconds; /* CPU: added up over threads */
    double flops, bytes;
};

struct op_times {
    struct op_time of[OP_COUNT][2]; /* [op][direction] */
};

/* The FLOPs and bytes of one call, with 0 seconds. Each part of a call (op.parts) gets an equal
 * share; only the first part counts as a call. */
struct op_time op_times_of(const struct op_call *part);
void op_times_add(struct op_times *t, enum op_id op, enum op_direction direction,
                  const struct op_time *time);

#endif
