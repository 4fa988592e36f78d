#include "models/op_times.h"

struct op_time op_times_of(const struct op_call *part) {
    const struct op *op = op_of(part->op);
    const double parts = op->parts ? op->parts(part) : 1;
    return (struct op_time){
        .calls = part->part == 0,
        .flops = op->flops ? op->flops(part) / parts : 0,
        .bytes = op_bytes(part) / parts,
    };
}

void op_times_add(struct op_times *t, enum op_id op, enum op_direction direction,
                  const struct op_time *time) {
    struct op_time *sum = &t->of[op][direction];
    sum->calls += time->calls;
    sum->seconds += time->seconds;
    sum->flops += time->flops;
    sum->bytes += time->bytes;
}
