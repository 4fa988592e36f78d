#include "models/op.h"

#include <string.h>

const struct op *op_of(enum op_id id) {
#define OP_ADDRESS(name) &op_##name,
    static const struct op *const ops[] = {OP_LIST(OP_ADDRESS)};
#undef OP_ADDRESS
    CHECK(id >= 0 && id < OP_COUNT);
    return ops[id];
}

void op_run(const struct op_call *call) {
    const struct op *op = op_of(call->op);
    (call->direction == OP_FORWARD ? op->forward : op->backward)(call);
}

double op_operand_bytes(const struct op_call *c) {
    double bytes = 0;
    for (int s = 0; s < OP_SCRATCH; s++)
        if (op_has(c, s)) bytes += (double)tensor_bytes(op_tensor(c, s));
    for (int i = 0; i < OP_INPUTS; i++)
        if (op_wants(c, i) && op_adds(c, i))
            bytes += (double)tensor_bytes(op_tensor(c, OP_D_IN + i));
    return bytes;
}

double op_bytes(const struct op_call *c) {
    const struct op *op = op_of(c->op);
    return op->bytes ? op->bytes(c) : op_operand_bytes(c);
}

void kernel_groups(struct kernel *k, int64_t n, int64_t size) {
    const int64_t groups = n > 0 ? (n + size - 1) / size : 1, widest = 32768;
    k->groups[0] = (uint32_t)(groups < widest ? groups : widest);
    k->groups[1] = (uint32_t)((groups + widest - 1) / widest);
    k->groups[2] = 1;
    CHECK(k->groups[1] <= 65535);
}

void kernel_push(struct kernel *k, const void *push, size_t bytes) {
    CHECK(bytes <= KERNEL_PUSH_BYTES);
    memcpy(k->push, push, bytes);
    k->push_bytes = (uint32_t)bytes;
}
