#include "models/backend.h"
#include "pipeline/base/clock.h"
#include "tests/ops/op_harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct backend *device;
static char device_traits[128]; /* with which it was opened */
static int n_messages;          /* of devices that are closed */
static bool is_missing;         /* asked for, but not installed */

static void close_device(void) {
    if (device) n_messages += backend_vulkan_messages(device);
    backend_destroy(&device);
}

static enum status open_device(const char *traits, struct error *e) {
    const struct backend_options options = {.device = getenv("SAPWOOD_TEST_DEVICE"),
                                            .validation = getenv("SAPWOOD_TEST_VALIDATION") != 0,
                                            .traits = traits ? traits : ""};
    if (device && !strcmp(device_traits, options.traits)) return STATUS_OK;
    close_device();
    snprintf(device_traits, sizeof device_traits, "%s", options.traits);
    const enum status rc = backend_vulkan_create(&device, &options, e);
    if (rc == STATUS_UNSUPPORTED || rc == STATUS_NOT_FOUND) {
        printf("skipped: %s\n", e->text);
        exit(77);
    }
    return rc;
}

/* A call on the device, with its operands in a buffer there. */
struct placed {
    struct buffer *buffer;
    struct work *work;
};

/* 1, 0 or -1 as op_harness_device_run. */
static int place(struct placed *p, const struct op_call *call, const char *traits,
                 const void *block, int64_t bytes, struct error *e) {
    enum status rc = STATUS_OK;
    struct op_call placed = *call;
    *p = (struct placed){0};
    if (!getenv("SAPWOOD_TEST_DEVICE") || !op_of(call->op)->kernels || is_missing) return 0;
    rc = open_device(traits, e);
    if (rc == STATUS_UNSUPPORTED || rc == STATUS_NOT_FOUND) {
        printf("no device: %s\n", e->text);
        is_missing = true;
        return 0;
    }
    TRY(rc);
    TRY(device->table->buffer_create(device, &p->buffer, bytes, e));
    TRY(device->table->upload(p->buffer, 0, block, bytes, e));
    for (int i = 0; i < OP_SLOTS; i++) {
        if (!placed.slot[i].buffer) continue;
        placed.slot[i].buffer = p->buffer;
        placed.slot[i].data = NULL;
    }
    TRY(device->table->work_create(device, &p->work, &placed, 1, e));
done:
    return rc == STATUS_OK ? 1 : -1;
}

static void placed_release(struct placed *p) {
    if (p->work) device->table->work_destroy(p->work);
    if (p->buffer) device->table->buffer_destroy(p->buffer);
}

int op_harness_device_run(const struct op_call *call, const char *traits, void *block,
                          int64_t bytes, struct error *e) {
    enum status rc = STATUS_OK;
    struct placed p;
    int done = place(&p, call, traits, block, bytes, e);
    if (done <= 0) goto done;
    TRY(device->table->run(device, &p.work, 1, e));
    TRY(device->table->wait(device, e));
    TRY(device->table->download(block, p.buffer, 0, bytes, e));
done:
    placed_release(&p);
    return rc == STATUS_OK ? done : -1;
}

double op_harness_device_time(const struct op_call *call, const char *traits, const void *block,
                              int64_t bytes, struct error *e) {
    enum status rc = STATUS_OK;
    struct placed p;
    double best = INFINITY;
    const int done = place(&p, call, traits, block, bytes, e);
    if (done <= 0) goto done;
    const double end = clock_seconds() + OP_HARNESS_PERF_SECONDS;
    for (int i = 0; i < OP_HARNESS_PERF_RUNS || clock_seconds() < end; i++) {
        const double start = clock_seconds();
        TRY(device->table->run(device, &p.work, 1, e));
        TRY(device->table->wait(device, e));
        best = fmin(best, clock_seconds() - start);
    }
done:
    placed_release(&p);
    return rc != STATUS_OK || done < 0 ? -1 : done ? 1000 * best : 0;
}

bool op_harness_device_missing(void) {
    return is_missing;
}

int op_harness_device_close(void) {
    close_device();
    return n_messages;
}
