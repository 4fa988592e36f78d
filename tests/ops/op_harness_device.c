#include "models/backend.h"
#include "tests/ops/op_harness.h"

#include <stdio.h>
#include <stdlib.h>

static struct backend *device;
static bool is_missing; /* asked for, but not installed */

static enum status open_device(struct error *e) {
    const struct backend_options options = {.device = getenv("SAPWOOD_TEST_DEVICE"),
                                            .validation = getenv("SAPWOOD_TEST_VALIDATION") != 0};
    if (device) return STATUS_OK;
    const enum status rc = backend_vulkan_create(&device, &options, e);
    if (rc == STATUS_UNSUPPORTED || rc == STATUS_NOT_FOUND) {
        printf("skipped: %s\n", e->text);
        exit(77);
    }
    return rc;
}

int op_harness_device_run(const struct op_call *call, void *block, int64_t bytes, struct error *e) {
    enum status rc = STATUS_OK;
    struct op_call placed = *call;
    struct buffer *buffer = NULL;
    struct work *work = NULL;
    if (!getenv("SAPWOOD_TEST_DEVICE") || !op_of(call->op)->kernels || is_missing) return 0;
    rc = open_device(e);
    if (rc == STATUS_UNSUPPORTED || rc == STATUS_NOT_FOUND) {
        printf("no device: %s\n", e->text);
        is_missing = true;
        return 0;
    }
    TRY(rc);
    const struct backend_table *table = device->table;
    TRY(table->buffer_create(device, &buffer, bytes, e));
    TRY(table->upload(buffer, 0, block, bytes, e));
    for (int i = 0; i < OP_SLOTS; i++) {
        if (!placed.slot[i].buffer) continue;
        placed.slot[i].buffer = buffer;
        placed.slot[i].data = NULL;
    }
    TRY(table->work_create(device, &work, &placed, 1, e));
    TRY(table->run(device, &work, 1, e));
    TRY(table->wait(device, e));
    TRY(table->download(block, buffer, 0, bytes, e));
done:
    if (work) device->table->work_destroy(work);
    if (buffer) device->table->buffer_destroy(buffer);
    return rc == STATUS_OK ? 1 : -1;
}

bool op_harness_device_missing(void) {
    return is_missing;
}

int op_harness_device_close(void) {
    const int messages = device ? backend_vulkan_messages(device) : 0;
    if (device) device->table->destroy(device);
    device = NULL;
    return messages;
}
